//! How far two words are apart, to say which one is meant.

/// How many bytes have to be inserted, removed, replaced or exchanged with the next (optimal string alignment).
pub(super) fn mistakes(written: &[u8], meant: &[u8]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=meant.len()).collect();
    for (row, byte) in written.iter().enumerate() {
        let mut next = vec![row.saturating_add(1)];
        for (column, other) in meant.iter().enumerate() {
            let cost = |costs: &[usize], at: usize, more: usize| {
                costs.get(at).map_or(usize::MAX, |cost| cost.saturating_add(more))
            };
            let right = column.saturating_add(1);
            let mut least = cost(&last, column, usize::from(byte != other))
                .min(cost(&last, right, 1))
                .min(cost(&next, column, 1));
            let exchanged = row > 0
                && column > 0
                && written.get(row.saturating_sub(1)) == Some(other)
                && meant.get(column.saturating_sub(1)) == Some(byte);
            if exchanged {
                least = least.min(cost(&before_last, column.saturating_sub(1), 1));
            }
            next.push(least);
        }
        before_last = std::mem::replace(&mut last, next);
    }
    last.last().copied().unwrap_or(meant.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanged_bytes_are_one_mistake() {
        assert_eq!(mistakes(b"pam_topt", b"pam_totp"), 1);
        assert_eq!(mistakes(b"pam_totp", b"pam_totp"), 0);
        assert_eq!(mistakes(b"", b"pam_totp"), 8);
    }
}
