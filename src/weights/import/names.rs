//! CTranslate2's names become whisper.cpp's. CTranslate2 keeps query, key and value of self-attention, and key and
//! value of cross-attention, in one matrix each, one below the other: they are cut apart by rows.

use std::ops::Range;

use super::ImportError;
use super::ct2::{Checkpoint, Type, Variable};

/// The numbers of whisper's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) vocab: u32,
    pub(super) audio_context: u32,
    pub(super) text_context: u32,
    pub(super) width: u32,
    pub(super) heads: u32,
    pub(super) audio_layers: u32,
    pub(super) text_layers: u32,
    pub(super) mels: u32,
}

/// One tensor of the ggml file, and where its numbers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) dims: Vec<u32>,
    pub(super) kind: Type,
    pub(super) offset: u64,
}

impl Tensor {
    /// How many numbers it has.
    pub(super) fn count(&self) -> u64 {
        self.dims.iter().map(|d| u64::from(*d)).product()
    }
}

impl Shape {
    /// Reads the header's numbers off the variables' dimensions.
    pub(super) fn of(checkpoint: &mut Checkpoint) -> Result<Self, ImportError> {
        let [width, mels, _] = dims(checkpoint, "encoder/conv1/weight")?;
        let [vocab, _] = dims(checkpoint, "decoder/embeddings/weight")?;
        let [audio_context, _] = dims(checkpoint, "encoder/position_encodings/encodings")?;
        let [text_context, _] = dims(checkpoint, "decoder/position_encodings/encodings")?;
        let shape = Self {
            vocab,
            audio_context,
            text_context,
            width,
            heads: number(checkpoint, "encoder/num_heads")?,
            audio_layers: layers(checkpoint, "encoder"),
            text_layers: layers(checkpoint, "decoder"),
            mels,
        };
        let all = [
            vocab,
            audio_context,
            text_context,
            width,
            shape.heads,
            shape.audio_layers,
            shape.text_layers,
            mels,
        ];
        if all.iter().any(|n| *n == 0 || i32::try_from(*n).is_err()) {
            return Err(checkpoint.wrong(format!("its shape makes no sense: {shape:?}")));
        }
        Ok(shape)
    }
}

/// All tensors in the order in which they are written.
pub(super) fn tensors(checkpoint: &Checkpoint, shape: &Shape) -> Result<Vec<Tensor>, ImportError> {
    let mut cut = Cutter {
        checkpoint,
        width: shape.width,
        tensors: Vec::new(),
    };
    for conv in ["conv1", "conv2"] {
        cut.whole(
            format!("encoder.{conv}.weight"),
            &format!("encoder/{conv}/weight"),
        )?;
        cut.column(
            format!("encoder.{conv}.bias"),
            &format!("encoder/{conv}/bias"),
        )?;
    }
    for side in ["encoder", "decoder"] {
        cut.whole(
            format!("{side}.positional_embedding"),
            &format!("{side}/position_encodings/encodings"),
        )?;
    }
    cut.whole(
        "decoder.token_embedding.weight".into(),
        "decoder/embeddings/weight",
    )?;
    cut.norm("encoder.ln_post", "encoder/layer_norm")?;
    cut.norm("decoder.ln", "decoder/layer_norm")?;
    for (side, layers) in [
        ("encoder", shape.audio_layers),
        ("decoder", shape.text_layers),
    ] {
        for i in 0..layers {
            let (from, to) = (format!("{side}/layer_{i}"), format!("{side}.blocks.{i}"));
            cut.block(&from, &to, side == "decoder")?;
        }
    }
    Ok(cut.tensors)
}

struct Cutter<'a> {
    checkpoint: &'a Checkpoint,
    width: u32,
    tensors: Vec<Tensor>,
}

impl Cutter<'_> {
    fn block(&mut self, from: &str, to: &str, cross: bool) -> Result<(), ImportError> {
        self.norm(
            &format!("{to}.attn_ln"),
            &format!("{from}/self_attention/layer_norm"),
        )?;
        self.norm(&format!("{to}.mlp_ln"), &format!("{from}/ffn/layer_norm"))?;
        let fused = format!("{from}/self_attention/linear_0");
        self.part(&format!("{to}.attn.query"), &fused, 0, 3, true)?;
        // Whisper's keys have no bias; CTranslate2 writes zeros for it.
        self.part(&format!("{to}.attn.key"), &fused, 1, 3, false)?;
        self.part(&format!("{to}.attn.value"), &fused, 2, 3, true)?;
        self.linear(
            &format!("{to}.attn.out"),
            &format!("{from}/self_attention/linear_1"),
        )?;
        if cross {
            let attention = format!("{from}/attention");
            self.norm(
                &format!("{to}.cross_attn_ln"),
                &format!("{attention}/layer_norm"),
            )?;
            self.linear(
                &format!("{to}.cross_attn.query"),
                &format!("{attention}/linear_0"),
            )?;
            let fused = format!("{attention}/linear_1");
            self.part(&format!("{to}.cross_attn.key"), &fused, 0, 2, false)?;
            self.part(&format!("{to}.cross_attn.value"), &fused, 1, 2, true)?;
            self.linear(
                &format!("{to}.cross_attn.out"),
                &format!("{attention}/linear_2"),
            )?;
        }
        self.linear(&format!("{to}.mlp.0"), &format!("{from}/ffn/linear_0"))?;
        self.linear(&format!("{to}.mlp.2"), &format!("{from}/ffn/linear_1"))
    }

    fn norm(&mut self, to: &str, from: &str) -> Result<(), ImportError> {
        self.whole(format!("{to}.weight"), &format!("{from}/gamma"))?;
        self.whole(format!("{to}.bias"), &format!("{from}/beta"))
    }

    fn linear(&mut self, to: &str, from: &str) -> Result<(), ImportError> {
        self.whole(format!("{to}.weight"), &format!("{from}/weight"))?;
        self.whole(format!("{to}.bias"), &format!("{from}/bias"))
    }

    /// The `index`th of `parts` matrices that lie one below the other.
    fn part(
        &mut self,
        to: &str,
        from: &str,
        index: u32,
        parts: u32,
        bias: bool,
    ) -> Result<(), ImportError> {
        let names = [("weight", true), ("bias", bias)];
        for (suffix, _) in names.into_iter().filter(|(_, wanted)| *wanted) {
            let source = format!("{from}/{suffix}");
            let variable = self.float(&source)?;
            let expected = self.width.checked_mul(parts);
            if expected.is_none() || variable.dims.first().copied() != expected {
                return Err(self.checkpoint.wrong(format!(
                    "{source} does not have {parts} times {} rows",
                    self.width
                )));
            }
            // Within the rows just counted.
            let rows = index * self.width..(index + 1) * self.width;
            let tensor = rows_of(format!("{to}.{suffix}"), variable, rows);
            self.tensors.push(tensor);
        }
        Ok(())
    }

    fn whole(&mut self, name: String, source: &str) -> Result<(), ImportError> {
        let variable = self.float(source)?;
        self.tensors.push(Tensor {
            name,
            dims: variable.dims.clone(),
            kind: variable.kind,
            offset: variable.offset,
        });
        Ok(())
    }

    /// whisper.cpp keeps a convolution's bias as a column.
    fn column(&mut self, name: String, source: &str) -> Result<(), ImportError> {
        self.whole(name, source)?;
        if let Some(tensor) = self.tensors.last_mut() {
            tensor.dims.push(1);
        }
        Ok(())
    }

    fn float(&self, source: &str) -> Result<&Variable, ImportError> {
        let variable = self.checkpoint.get(source)?;
        if matches!(variable.kind, Type::F32 | Type::F16 | Type::Bf16) {
            return Ok(variable);
        }
        Err(self.checkpoint.wrong(
            "its weights are quantized to integers already; import the float16 or float32 one"
                .into(),
        ))
    }
}

fn rows_of(name: String, variable: &Variable, rows: Range<u32>) -> Tensor {
    let row: u64 = variable
        .dims
        .iter()
        .skip(1)
        .map(|d| u64::from(*d))
        .product();
    let mut dims = variable.dims.clone();
    if let Some(first) = dims.first_mut() {
        *first = rows.end - rows.start;
    }
    Tensor {
        name,
        dims,
        kind: variable.kind,
        offset: variable.offset + u64::from(rows.start) * row * variable.kind.width(),
    }
}

fn dims<const N: usize>(checkpoint: &Checkpoint, name: &str) -> Result<[u32; N], ImportError> {
    let variable = checkpoint.get(name)?;
    variable.dims.as_slice().try_into().map_err(|_| {
        checkpoint.wrong(format!(
            "{name} has {} dimensions, and whisper's has {N}",
            variable.dims.len()
        ))
    })
}

fn layers(checkpoint: &Checkpoint, side: &str) -> u32 {
    (0..)
        .take_while(|i| checkpoint.has(&format!("{side}/layer_{i}/ffn/linear_0/weight")))
        .count() as u32
}

/// A variable that is one whole number.
fn number(checkpoint: &mut Checkpoint, name: &str) -> Result<u32, ImportError> {
    let variable = checkpoint.get(name)?;
    let (width, offset) = (variable.kind.width() as usize, variable.offset);
    let whole = matches!(variable.kind, Type::I8 | Type::I16 | Type::I32);
    if !whole || !variable.dims.is_empty() {
        return Err(checkpoint.wrong(format!("{name} is no whole number")));
    }
    let mut bytes = [0; 4];
    checkpoint.read(offset, &mut bytes[..width])?;
    Ok(u32::from_le_bytes(bytes))
}
