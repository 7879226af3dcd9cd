//! The medians as bars, drawn by gnuplot.

use crate::cell::Cell;
use crate::contestant::Contestant;
use crate::surroundings::Surroundings;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Draws the cells with one process.
pub(crate) fn write<'a>(file: &Path, cells: impl Iterator<Item = (&'a str, &'a Cell)>) {
    let mut data = String::from("$medians << END\n");
    write!(data, "-").unwrap();
    for contestant in Contestant::ALL {
        write!(data, " {}", contestant.name()).unwrap();
    }
    for (place, cell) in
        cells.filter(|(_, cell)| cell.processes == 1 && cell.surroundings == Surroundings::Sshd)
    {
        write!(data, "\n\"{} on {place}\"", cell.people).unwrap();
        for round in &cell.rounds {
            write!(data, " {}", round.percentile(50).map_or(0, |median| median.as_micros())).unwrap();
        }
    }
    data.push_str("\nEND\n");
    let script = format!("set output {file:?}\n{data}{SCRIPT}");
    let mut gnuplot = Command::new("gnuplot").stdin(Stdio::piped()).spawn().unwrap();
    gnuplot.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(gnuplot.wait().unwrap().success(), "gnuplot");
}

const SCRIPT: &str = r#"
set terminal svg size 900,420 background "white" font "sans,12" noenhanced
set title "one login in a fresh child: median"
set ylabel "microseconds (logarithmic)"
set xlabel "people enrolled, and where the files lie"
set logscale y
set yrange [50:*]
set grid ytics
set key top left
set style data histogram
set style histogram clustered gap 1.5
set style fill solid 0.9 border -1
set boxwidth 0.9
plot for [i=2:5] $medians using i:xtic(1) title columnheader(i)
"#;
