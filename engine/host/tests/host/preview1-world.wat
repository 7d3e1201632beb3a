;; A core module for the contract that knows WASI preview 1 only. It prints the time (8 bytes) and random numbers (16) in
;; hexadecimal, then traps.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get"
    (func $random_get (param i32 i32) (result i32)))

  (memory (export "memory") 4)
  ;; One slice, at 16: where its bytes are, and how many.
  (data (i32.const 16) "\00\01\00\00\31\00\00\00")
  (data (i32.const 32) "0123456789abcdef")
  ;; What comes is at 64, its digits at 256, and a line break after them.
  (data (i32.const 304) "\0a")

  (global $free (mut i32) (i32.const 1024))

  ;; Gives memory that never comes back.
  (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.sub (i32.add (global.get $free) (local.get $align)) (i32.const 1))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  (func $digit (param $at i32) (param $value i32)
    (i32.store8 (local.get $at) (i32.load8_u (i32.add (i32.const 32) (local.get $value)))))

  (func (export "wasaga:saga/action@0.1.0#act") (param i32) (result i32)
    (local $place i32)
    (local $byte i32)
    (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 64)))
    (drop (call $random_get (i32.const 72) (i32.const 16)))
    (loop $next
      (local.set $byte (i32.load8_u (i32.add (i32.const 64) (local.get $place))))
      (call $digit
        (i32.add (i32.const 256) (i32.mul (local.get $place) (i32.const 2)))
        (i32.shr_u (local.get $byte) (i32.const 4)))
      (call $digit
        (i32.add (i32.const 257) (i32.mul (local.get $place) (i32.const 2)))
        (i32.and (local.get $byte) (i32.const 15)))
      (local.set $place (i32.add (local.get $place) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $place) (i32.const 24))))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)))
    unreachable)

  (func (export "wasaga:saga/action@0.1.0#compensate") (param i32) (result i32)
    unreachable))
