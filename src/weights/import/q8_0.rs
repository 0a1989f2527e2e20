//! ggml's q8_0: blocks of 32 numbers become an f16 scale and 32 signed bytes.

use half::f16;

/// Numbers in a block.
pub(super) const BLOCK: usize = 32;

/// Appends the blocks of `numbers` to `out`. A rest shorter than a block is not written: callers see to it that there
/// is none.
pub(super) fn quantize(numbers: &[f32], out: &mut Vec<u8>) {
    for block in numbers.chunks_exact(BLOCK) {
        let largest = block.iter().fold(0f32, |most, x| most.max(x.abs()));
        let scale = largest / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        out.extend(f16::from_f32(scale).to_le_bytes());
        // Halves go to the even neighbour, as the reference has it; `as` saturates what is out of range.
        out.extend(
            block
                .iter()
                .map(|x| ((x * inverse).round_ties_even() as i8).to_le_bytes()[0]),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_largest_number_becomes_127() {
        let mut numbers = [0.0; BLOCK];
        (numbers[0], numbers[1], numbers[2]) = (-2.54, 1.27, 0.05);
        let mut out = Vec::new();
        quantize(&numbers, &mut out);
        assert_eq!(out[..2], f16::from_f32(2.54 / 127.0).to_le_bytes());
        assert_eq!(out[2..6], [(-127i8) as u8, 64, 2, 0]);
    }

    #[test]
    fn zeros_stay_zeros() {
        let mut out = Vec::new();
        quantize(&[0.0; 64], &mut out);
        assert_eq!(out, [0; 68]);
    }

    proptest! {
        #[test]
        fn no_number_moves_further_than_its_step(numbers in proptest::collection::vec(-8f32..8.0, BLOCK)) {
            let mut out = Vec::new();
            quantize(&numbers, &mut out);
            let scale = f16::from_le_bytes([out[0], out[1]]).to_f32();
            for (x, q) in numbers.iter().zip(&out[2..]) {
                let back = scale * f32::from(*q as i8);
                prop_assert!((x - back).abs() <= scale * 0.6 + 1e-3, "{x} {back} {scale}");
            }
        }

        #[test]
        fn no_bits_make_it_panic(bits in proptest::collection::vec(any::<u32>(), BLOCK)) {
            let numbers: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
            let mut out = Vec::new();
            quantize(&numbers, &mut out);
            prop_assert_eq!(out.len(), 34);
        }
    }
}
