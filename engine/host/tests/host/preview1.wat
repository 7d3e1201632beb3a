;; A core module for the contract that knows WASI preview 1 only. It prints a line, then traps.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 4)
  ;; One slice, at 16: where its bytes are, and how many.
  (data (i32.const 16) "\20\00\00\00\15\00\00\00")
  (data (i32.const 32) "hello from preview 1\0a")

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

  (func (export "wasaga:saga/action@0.1.0#act") (param i32) (result i32)
    (if (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8))
      (then (return (i32.const 0))))
    unreachable)

  (func (export "wasaga:saga/action@0.1.0#compensate") (param i32) (result i32)
    unreachable))
