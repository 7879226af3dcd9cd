//! Prints a picture of an enrolment, as SVG: `packaging/record-enrolment`.

#![expect(clippy::print_stdout, reason = "a program that prints a picture")]

fn main() {
    print!("{}", acceptance::recording::enrolment());
}
