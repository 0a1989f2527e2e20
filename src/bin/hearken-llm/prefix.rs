//! How much of a prompt the KV cache already holds.

/// The number of leading tokens of `prompt` that `cached` begins with as well, but never all of `prompt`: its last token
/// has to be computed to know what comes next.
pub(crate) fn reusable<T: PartialEq>(cached: &[T], prompt: &[T]) -> usize {
    let common = cached
        .iter()
        .zip(prompt)
        .take_while(|(have, want)| have == want)
        .count();
    common.min(prompt.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::reusable;
    use proptest::prelude::*;

    #[test]
    fn the_common_beginning_is_reused() {
        assert_eq!(reusable(&[1, 2, 3, 4], &[1, 2, 9, 4]), 2);
        assert_eq!(reusable(&[1, 2], &[1, 2, 3, 4]), 2);
        assert_eq!(reusable(&[], &[1, 2]), 0);
        assert_eq!(reusable(&[7], &[1, 2]), 0);
    }

    #[test]
    fn the_last_token_is_always_computed() {
        assert_eq!(reusable(&[1, 2, 3], &[1, 2, 3]), 2);
        assert_eq!(reusable(&[1, 2, 3, 4], &[1, 2, 3]), 2);
        assert_eq!(reusable(&[1], &[1]), 0);
        assert_eq!(reusable::<i32>(&[1], &[]), 0);
    }

    proptest! {
        #[test]
        fn what_is_reused_is_equal_and_maximal(cached in prop::collection::vec(0..3u8, 0..12),
                                               prompt in prop::collection::vec(0..3u8, 1..12)) {
            let n = reusable(&cached, &prompt);
            prop_assert_eq!(&cached[..n], &prompt[..n]);
            prop_assert!(n < prompt.len());
            let longer = n + 1 < prompt.len() && n < cached.len() && cached[n] == prompt[n];
            prop_assert!(!longer);
        }
    }
}
