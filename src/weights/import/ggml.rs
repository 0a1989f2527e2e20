//! Writes whisper.cpp's ggml file: header, mel filters, tokens, tensors. All numbers are little-endian.

use std::io::Write;

use half::{bf16, f16};

use super::aids::Filters;
use super::ct2::{Checkpoint, Type};
use super::names::{Shape, Tensor};
use super::{ImportError, Quant, q8_0};

const MAGIC: u32 = 0x6767_6d6c;
/// The header's number for f16, and for q8_0 in quantization version 2 (2 × 1000 + 7).
const FILE_F16: u32 = 1;
const FILE_Q8_0: u32 = 2007;
/// whisper.cpp wants these as f32, whatever the rest.
const ALWAYS_F32: [&str; 4] = [
    "encoder.conv1.bias",
    "encoder.conv2.bias",
    "encoder.positional_embedding",
    "decoder.positional_embedding",
];
/// Numbers converted at a time: bounds the memory. A multiple of the block.
const CHUNK: usize = 1 << 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    F32 = 0,
    F16 = 1,
    Q8 = 8,
}

/// Matrices are quantized, convolutions (three dimensions) stay f16, vectors f32.
fn encoding(tensor: &Tensor, quant: Quant) -> Encoding {
    match tensor.dims.len() {
        0 | 1 => Encoding::F32,
        _ if ALWAYS_F32.contains(&tensor.name.as_str()) => Encoding::F32,
        2 if quant == Quant::Q8 => Encoding::Q8,
        _ => Encoding::F16,
    }
}

#[allow(clippy::too_many_arguments)]
pub(super) fn write(
    checkpoint: &mut Checkpoint,
    shape: &Shape,
    filters: &Filters,
    words: &[Vec<u8>],
    tensors: &[Tensor],
    quant: Quant,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<(), ImportError> {
    put(out, &header(shape, quant))?;
    put(out, &[filters.rows, filters.columns])?;
    let bytes: Vec<u8> = filters
        .numbers
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect();
    out.write_all(&bytes).map_err(ImportError::Write)?;
    // Both counts come from files of a few megabytes.
    put(out, &[words.len() as u32])?;
    for word in words {
        put(out, &[word.len() as u32])?;
        out.write_all(word).map_err(ImportError::Write)?;
    }
    let mut done = 0;
    for tensor in tensors {
        let to = encoding(tensor, quant);
        let row = tensor.dims.last().copied().unwrap_or(1) as usize;
        if to == Encoding::Q8 && !row.is_multiple_of(q8_0::BLOCK) {
            return Err(checkpoint.wrong(format!(
                "{} has rows of {row}, which q8_0 cannot hold; import it as f16",
                tensor.name
            )));
        }
        put(
            out,
            &[
                tensor.dims.len() as u32,
                tensor.name.len() as u32,
                to as u32,
            ],
        )?;
        let dims: Vec<u32> = tensor.dims.iter().rev().copied().collect();
        put(out, &dims)?;
        out.write_all(tensor.name.as_bytes())
            .map_err(ImportError::Write)?;
        body(checkpoint, tensor, to, out, &mut |bytes| {
            done += bytes;
            progress(done);
        })?;
    }
    Ok(())
}

fn header(shape: &Shape, quant: Quant) -> [u32; 12] {
    [
        MAGIC,
        shape.vocab,
        shape.audio_context,
        shape.width,
        shape.heads,
        shape.audio_layers,
        shape.text_context,
        shape.width,
        shape.heads,
        shape.text_layers,
        shape.mels,
        match quant {
            Quant::Q8 => FILE_Q8_0,
            Quant::F16 => FILE_F16,
        },
    ]
}

fn put(out: &mut dyn Write, numbers: &[u32]) -> Result<(), ImportError> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    out.write_all(&bytes).map_err(ImportError::Write)
}

fn body(
    checkpoint: &mut Checkpoint,
    tensor: &Tensor,
    to: Encoding,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<(), ImportError> {
    let width = tensor.kind.width();
    let (mut left, mut offset) = (tensor.count(), tensor.offset);
    let (mut bytes, mut numbers, mut encoded) = (Vec::new(), Vec::new(), Vec::new());
    while left > 0 {
        let count = left.min(CHUNK as u64);
        let length = count * width;
        bytes.resize(length as usize, 0);
        checkpoint.read(offset, &mut bytes)?;
        decode(&bytes, tensor.kind, &mut numbers);
        encoded.clear();
        match to {
            Encoding::F32 => encoded.extend(numbers.iter().flat_map(|n| n.to_le_bytes())),
            Encoding::F16 => {
                encoded.extend(numbers.iter().flat_map(|n| f16::from_f32(*n).to_le_bytes()));
            }
            Encoding::Q8 => q8_0::quantize(&numbers, &mut encoded),
        }
        out.write_all(&encoded).map_err(ImportError::Write)?;
        progress(length);
        left -= count;
        offset += length;
    }
    Ok(())
}

fn decode(bytes: &[u8], kind: Type, numbers: &mut Vec<f32>) {
    numbers.clear();
    match kind {
        Type::F32 => {
            let (chunks, _) = bytes.as_chunks::<4>();
            numbers.extend(chunks.iter().map(|b| f32::from_le_bytes(*b)));
        }
        Type::F16 => {
            let (chunks, _) = bytes.as_chunks::<2>();
            numbers.extend(chunks.iter().map(|b| f16::from_le_bytes(*b).to_f32()));
        }
        Type::Bf16 => {
            let (chunks, _) = bytes.as_chunks::<2>();
            numbers.extend(chunks.iter().map(|b| bf16::from_le_bytes(*b).to_f32()));
        }
        // `names` lets only numbers with a point through.
        Type::I8 | Type::I16 | Type::I32 => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, dims: &[u32]) -> Tensor {
        Tensor {
            name: name.into(),
            dims: dims.into(),
            kind: Type::F16,
            offset: 0,
        }
    }

    #[test]
    fn only_matrices_are_quantized() {
        let of = |name, dims: &[u32]| encoding(&tensor(name, dims), Quant::Q8);
        assert_eq!(of("decoder.ln.bias", &[512]), Encoding::F32);
        assert_eq!(of("encoder.conv1.bias", &[512, 1]), Encoding::F32);
        assert_eq!(
            of("decoder.positional_embedding", &[448, 512]),
            Encoding::F32
        );
        assert_eq!(of("encoder.conv1.weight", &[512, 80, 3]), Encoding::F16);
        assert_eq!(
            of("encoder.blocks.0.mlp.0.weight", &[2048, 512]),
            Encoding::Q8
        );
        let f16 = encoding(
            &tensor("encoder.blocks.0.mlp.0.weight", &[2048, 512]),
            Quant::F16,
        );
        assert_eq!(f16, Encoding::F16);
    }

    #[test]
    fn every_float_is_read() {
        let mut numbers = Vec::new();
        decode(&f16::from_f32(1.5).to_le_bytes(), Type::F16, &mut numbers);
        assert_eq!(numbers, [1.5]);
        decode(
            &bf16::from_f32(-2.0).to_le_bytes(),
            Type::Bf16,
            &mut numbers,
        );
        assert_eq!(numbers, [-2.0]);
        decode(&0.25f32.to_le_bytes(), Type::F32, &mut numbers);
        assert_eq!(numbers, [0.25]);
    }
}
