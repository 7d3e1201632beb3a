//! Migrations are compiled in: a new file among them has to compile the crate again.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
