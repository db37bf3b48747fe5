//! QR codes for a terminal: two modules in each character, black on white whatever the terminal's
//! own colours are, because not every reader takes them the other way round.

use fast_qr::{ECL, QRBuilder};

/// Modules of white that a reader wants around the code.
const MARGIN: usize = 4;
const BLACK_ON_WHITE: &str = "\x1b[30;107m";
const AS_BEFORE: &str = "\x1b[0m";

/// A code as a square of modules.
#[derive(Debug)]
pub(crate) struct Code {
    /// Modules a side, without the margin.
    size: usize,
    /// Row by row; whether each is black.
    modules: Vec<bool>,
}

impl Code {
    /// The code of a text; `None` where it is too long. Text in capitals takes less room.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let code = QRBuilder::new(text).ecl(ECL::L).build().ok()?;
        let size = code.size;
        let rows = (0..size).flat_map(|row| code[row].iter().take(size));
        Some(Self { size, modules: rows.map(|module| module.value()).collect() })
    }

    /// Characters that a line of it takes.
    pub(crate) const fn width(&self) -> usize {
        self.size + 2 * MARGIN
    }

    /// Its lines, ready to be printed on a terminal that knows colours.
    pub(crate) fn lines(&self) -> Vec<String> {
        let last = self.width();
        (0..last)
            .step_by(2)
            .map(|row| {
                let line: String = (0..last)
                    .map(|column| {
                        match (self.is_black(row, column), self.is_black(row + 1, column)) {
                            (false, false) => ' ',
                            (true, false) => '▀',
                            (false, true) => '▄',
                            (true, true) => '█',
                        }
                    })
                    .collect();
                format!("{BLACK_ON_WHITE}{line}{AS_BEFORE}")
            })
            .collect()
    }

    /// Counted from the margin's corner.
    fn is_black(&self, row: usize, column: usize) -> bool {
        let inside = |place: usize| place.checked_sub(MARGIN).filter(|place| *place < self.size);
        let place = inside(row).zip(inside(column)).map(|(row, column)| row * self.size + column);
        place.is_some_and(|place| self.modules.get(place).copied().unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use rqrr::{Grid, SimpleGrid};
    use sekisho::{Hash, JoinSecret, JoinToken, PublicKey};
    use sekisho_proto::{PrincipalKind, TokenId};

    use super::*;

    /// Reads the code back from the characters of its lines, as a camera would from the screen.
    fn seen(code: &Code) -> String {
        let mut rows: Vec<Vec<bool>> = Vec::new();
        for line in code.lines() {
            let line = line.strip_prefix(BLACK_ON_WHITE).unwrap().strip_suffix(AS_BEFORE).unwrap();
            assert_eq!(line.chars().count(), code.width());
            rows.push(line.chars().map(|half| matches!(half, '▀' | '█')).collect());
            rows.push(line.chars().map(|half| matches!(half, '▄' | '█')).collect());
        }
        let margin = |row: &[bool]| row.iter().take(MARGIN).all(|black| !black);
        assert!(rows.iter().all(|row| margin(row)));
        assert!(rows.iter().take(MARGIN).flatten().all(|black| !black));
        let grid =
            SimpleGrid::from_func(code.size, |column, row| rows[row + MARGIN][column + MARGIN]);
        Grid::new(grid).decode().unwrap().1
    }

    #[test]
    fn a_tokens_code_is_read_back_as_the_token_and_fits_a_terminal() {
        let token = JoinToken {
            name: "truck-17@fujisawa".parse().unwrap(),
            kind: PrincipalKind::Device,
            root: Hash::new([1; 32]),
            node_key: PublicKey::new([2; 32]),
            address: "node.fujisawa.example:7443".to_owned(),
            id: TokenId::new([3; 16]),
            secret: JoinSecret::new([4; 32]),
            expires: "2026-11-21T08:00:00Z".parse().unwrap(),
        };
        let text = token.to_text();
        let code = Code::of(&text.to_ascii_uppercase()).unwrap();
        assert!(code.width() <= 70, "{}", code.width());
        assert_eq!(JoinToken::parse(&seen(&code)).unwrap(), token);
        assert!(Code::of(&text).unwrap().width() > code.width());
    }

    #[test]
    fn any_text_is_read_back_and_one_that_is_too_long_has_no_code() {
        for length in [1, 17, 100, 500] {
            let text = "SEKISHO-".repeat(length);
            let text = text.get(..length).unwrap();
            assert_eq!(seen(&Code::of(text).unwrap()), text);
        }
        assert!(Code::of(&"A".repeat(10_000)).is_none());
    }
}
