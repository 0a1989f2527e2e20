//! The importer: CTranslate2 checkpoints, with the tokens and filters that belong to them.

use std::io::{Cursor, Write};

use hearken::weights::import::{Checkpoint, ImportError, Quant, convert};
use proptest::prelude::*;
use proptest::sample::select;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::mutate::{Bytes, Made, mutated, noise, wrong};
use crate::trial::alone;

const TOKENS: &str = "IQ== 0\nIg== 1\nYWI= 2\n= 3\n";

fn name(made: &mut Made, name: &str) {
    made.number(2, name.len() as u64 + 1);
    made.put(name.as_bytes());
    made.number(1, 0);
}

/// A variable of f16, or of bytes where it has no dimensions.
fn variable(made: &mut Made, of: &str, dims: &[u32]) {
    name(made, of);
    made.number(1, dims.len() as u64);
    dims.iter().for_each(|dim| made.number(4, (*dim).into()));
    let (kind, width) = if dims.is_empty() { (1, 1) } else { (4, 2) };
    made.number(1, kind);
    let bytes = width * dims.iter().product::<u32>();
    made.number(4, bytes.into());
    made.put(&vec![1; bytes as usize]);
}

/// Names and dimensions of everything in a whisper of one layer, so and so wide.
fn variables(width: u32) -> Vec<(String, Vec<u32>)> {
    let mut all = vec![
        ("encoder/num_heads".to_owned(), vec![]),
        ("encoder/conv1/weight".to_owned(), vec![width, 2, 3]),
        ("encoder/conv1/bias".to_owned(), vec![width]),
        ("encoder/conv2/weight".to_owned(), vec![width, width, 3]),
        ("encoder/conv2/bias".to_owned(), vec![width]),
        ("decoder/embeddings/weight".to_owned(), vec![8, width]),
    ];
    for side in ["encoder", "decoder"] {
        all.push((
            format!("{side}/position_encodings/encodings"),
            vec![4, width],
        ));
        let mut norms = vec![
            format!("{side}/layer_norm"),
            format!("{side}/layer_0/self_attention/layer_norm"),
            format!("{side}/layer_0/ffn/layer_norm"),
        ];
        let mut linears = vec![
            ("self_attention/linear_0", 3 * width, width),
            ("self_attention/linear_1", width, width),
            ("ffn/linear_0", 4 * width, width),
            ("ffn/linear_1", width, 4 * width),
        ];
        if side == "decoder" {
            norms.push(format!("{side}/layer_0/attention/layer_norm"));
            linears.push(("attention/linear_0", width, width));
            linears.push(("attention/linear_1", 2 * width, width));
            linears.push(("attention/linear_2", width, width));
        }
        for norm in norms {
            all.push((format!("{norm}/gamma"), vec![width]));
            all.push((format!("{norm}/beta"), vec![width]));
        }
        for (linear, rows, columns) in linears {
            let of = format!("{side}/layer_0/{linear}");
            all.push((format!("{of}/weight"), vec![rows, columns]));
            all.push((format!("{of}/bias"), vec![rows]));
        }
    }
    all
}

fn checkpoint(width: u32) -> Made {
    let mut made = Made::default();
    made.number(4, 6);
    name(&mut made, "WhisperSpec");
    made.number(4, 3);
    let all = variables(width);
    made.number(4, all.len() as u64);
    for (of, dims) in all {
        variable(&mut made, &of, &dims);
    }
    made
}

/// Two bands of three numbers.
fn filters() -> Vec<u8> {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
    let mut array = b"\x93NUMPY\x01\x00".to_vec();
    array.extend((header.len() as u16).to_le_bytes());
    array.extend(header.as_bytes());
    array.extend([0; 24]);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("mel_2.npy", SimpleFileOptions::default())
        .unwrap();
    zip.write_all(&array).unwrap();
    zip.finish().unwrap().into_inner()
}

/// `valid` mostly, so that one file at a time is wrong more often than not.
fn mostly(
    valid: Vec<u8>,
    wrong: impl Strategy<Value = Bytes> + 'static,
) -> impl Strategy<Value = Bytes> {
    prop_oneof![4 => Just(Bytes(valid)), 1 => wrong]
}

#[test]
fn a_checkpoint_is_imported_whole_or_refused() {
    let alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let [model, tokens, mel] = ["model.bin", "a.tiktoken", "a.npz"].map(|f| folder.path().join(f));
    let models = prop_oneof![
        4 => wrong(checkpoint(2)),
        1 => wrong(checkpoint(32)),
        1 => noise(),
        1 => select(vec![Bytes(checkpoint(2).bytes), Bytes(checkpoint(32).bytes)]),
    ];
    let inputs = (
        models,
        mostly(
            TOKENS.into(),
            mutated(vec![TOKENS.into()], &["\n", "=", " "]),
        ),
        mostly(
            filters(),
            mutated(vec![filters()], &["PK\x05\x06", "mel_2.npy"]),
        ),
        select(vec![Quant::F16, Quant::Q8]),
    );
    let import = |quant, out: &mut Vec<u8>| -> Result<u64, ImportError> {
        let mut checkpoint = Checkpoint::open(&model)?;
        // It may have no vocabulary.
        let _ = checkpoint.is_english();
        convert(&mut checkpoint, &tokens, &mel, quant, out, &mut |_| {})?;
        Ok(checkpoint.bytes())
    };
    // Only something right can be made wrong.
    std::fs::write(&tokens, TOKENS).unwrap();
    std::fs::write(&mel, filters()).unwrap();
    for (width, quant) in [(2, Quant::F16), (32, Quant::F16), (32, Quant::Q8)] {
        std::fs::write(&model, checkpoint(width).bytes).unwrap();
        import(quant, &mut Vec::new()).unwrap();
    }

    alone.fuzz(
        1,
        inputs,
        |(model, tokens, mel, _)| 1_000_000 + 16 * (model.len() + tokens.len() + mel.len()),
        |(model_bytes, token_bytes, mel_bytes, quant)| {
            std::fs::write(&model, &**model_bytes).unwrap();
            std::fs::write(&tokens, &**token_bytes).unwrap();
            std::fs::write(&mel, &**mel_bytes).unwrap();
            let all = model_bytes.len() + token_bytes.len() + mel_bytes.len();
            let mut out = Vec::new();
            let imported = import(*quant, &mut out);
            prop_assert!(
                out.len() <= 1_000 + 4 * all,
                "{} bytes out of {}",
                out.len(),
                all
            );
            match imported {
                Ok(bytes) => prop_assert!(bytes <= model_bytes.len() as u64),
                Err(error) => {
                    let said = error.to_string();
                    prop_assert!(!said.chars().any(char::is_control), "{said:?}");
                    prop_assert!(said.len() < 2_000, "{}", said);
                }
            }
            Ok(())
        },
    );
}
