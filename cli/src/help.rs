//! The help, as it fits the terminal: texts stay readable on a narrow one, and examples can be copied.

use clap::Command;

use crate::output;

/// Where a terminal has fewer columns, what an option means stands below it instead of beside it.
const BESIDE_MIN: usize = 80;
/// Longer lines are hard to read; a terminal may have more columns.
const COLUMNS_MAX: usize = 100;
/// What an example begins with.
const EXAMPLE: &str = "  sekisho ";
/// What stands before the rest of an example that goes on in another line.
const INDENT: &str = "      ";

/// The command with a help for the terminal that it is asked from, or for `COLUMNS`.
pub(crate) fn fitted(command: Command) -> Command {
    let told = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0);
    let columns = output::columns_told().or_else(told).unwrap_or(COLUMNS_MAX).min(COLUMNS_MAX);
    folded(command.term_width(columns), columns)
}

fn folded(command: Command, columns: usize) -> Command {
    let command = match command.get_after_help().map(ToString::to_string) {
        Some(text) => {
            let lines: Vec<String> = text.lines().map(|line| example(line, columns)).collect();
            command.after_help(lines.join("\n"))
        }
        None => command,
    };
    // Names of commands are short: what they do has room beside them.
    let is_below = columns < BESIDE_MIN && !command.has_subcommands();
    command.next_line_help(is_below).mut_subcommands(|inner| folded(inner, columns))
}

/// An example in lines that a shell takes for one; any other line as it is.
fn example(line: &str, columns: usize) -> String {
    if !line.starts_with(EXAMPLE) || line.chars().count() <= columns {
        return line.to_owned();
    }
    let (mut lines, mut current) = (Vec::new(), " ".to_owned());
    for word in words(line) {
        let is_first = current.trim().is_empty();
        // The backslash takes two columns, and the last line needs none.
        if !is_first && current.chars().count() + 1 + word.chars().count() + 2 > columns {
            lines.push(current + " \\");
            current = INDENT.to_owned() + word;
        } else {
            current = current + " " + word;
        }
    }
    lines.push(current);
    lines.join("\n")
}

/// What spaces separate, but not those within quotation marks.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let is_space = move |letter: char| {
        is_quoted ^= letter == '\'';
        letter == ' ' && !is_quoted
    };
    line.split(is_space).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_example_goes_on_as_a_shell_takes_it() {
        let line = "  sekisho deny park@santander subscribe 'a/#' --reason 'asked by the driver'";
        let wanted = [
            "  sekisho deny park@santander \\",
            "      subscribe 'a/#' --reason \\",
            "      'asked by the driver'",
        ];
        assert_eq!(example(line, 33), wanted.join("\n"));
        assert_eq!(example(line, line.len()), line);
    }

    #[test]
    fn a_word_that_is_longer_than_the_line_is_left_whole() {
        let line = format!("  sekisho revoke {}", "ab".repeat(32));
        let folded = example(&line, 40);
        assert_eq!(folded, format!("  sekisho revoke \\\n      {}", "ab".repeat(32)));
    }

    #[test]
    fn what_is_no_example_is_left_to_the_parser() {
        let line = "Ends with 5 where the statement stands and one was not confirmed in time.";
        assert_eq!(example(line, 20), line);
    }
}
