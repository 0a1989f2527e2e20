//! The inference thread: one model, one context, one request after the other.
//!
//! The KV cache holds the tokens of the last request and its reply. The next prompt of the same conversation begins
//! with them, so that only what is new is computed: the system prompt is computed once.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use tokio::sync::mpsc;

use crate::answer::{ApiError, Finish, Summary};
use crate::end;
use crate::health::Health;
use crate::load::{self, BATCH, LoadError, Options};
use crate::log::LastError;
use crate::piece::Pieces;
use crate::prefix;
use crate::prompt::Prompts;
use crate::request::{Chat, Sampling};
use crate::sprint;

/// The repeat penalties look at so many tokens of the reply.
const PENALTY_WINDOW: i32 = 64;

/// So many tokens in a row may be said a second time, such as a name or "seven plus five"; more become unlikely.
const LOOP_TOKENS: i32 = 5;
/// So far back a repetition is looked for, in tokens of the reply.
const LOOP_WINDOW: i32 = 256;
/// Nothing is a repetition across these.
const LOOP_BREAKERS: [&str; 2] = ["\n", "\""];

/// A request and the way back to its client. The client is gone when the channel is closed.
#[derive(Debug)]
pub(crate) struct Order {
    /// What to do.
    pub(crate) chat: Chat,
    /// Where the reply goes.
    pub(crate) reply: mpsc::Sender<Part>,
}

/// A part of a reply, in order: `Begun`, any number of `Text`, then `Done`; or `Failed` at any point.
#[derive(Debug)]
pub(crate) enum Part {
    /// The prompt fits; the rest follows.
    Begun,
    /// Whole characters.
    Text(String),
    /// The end.
    Done(Summary),
    /// The end, without all of the reply.
    Failed(ApiError),
}

/// Why a request ended early.
enum Break {
    /// Nobody listens any more.
    ClientGone,
    /// The client is to be told.
    Refused(ApiError),
}

impl From<ApiError> for Break {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

/// Loads the model, then answers until the queue closes.
///
/// # Errors
/// Only while loading.
pub(crate) fn run(
    options: &Options,
    mut queue: mpsc::Receiver<Order>,
    health: &Health,
    log: &LastError,
) -> Result<(), LoadError> {
    let refused = |reason: String| LoadError::Refused {
        path: options.model.clone(),
        reason,
    };
    let backend = LlamaBackend::init().map_err(|e| refused(e.to_string()))?;
    let model = load::model(&backend, options, log)?;
    let context = load::context(&backend, &model, options, log)?;
    let (prompts, warning) = Prompts::new(&model).map_err(|reason| LoadError::Template {
        path: options.model.clone(),
        reason,
    })?;
    if let Some(warning) = warning {
        eprintln!("hearken-llm: {warning}");
    }
    let mut engine = Engine {
        model: &model,
        context,
        prompts,
        batch: LlamaBatch::new(BATCH as usize, 1),
        cached: Vec::new(),
        sprints: options.threads.sprint(),
        // A small model that has begun to say the same words again goes on for ever; this breaks the loop. Multiplier
        // and base are the sampler's own usual ones.
        loops: LlamaSampler::dry(&model, 0.8, 1.75, LOOP_TOKENS, LOOP_WINDOW, LOOP_BREAKERS),
        health,
    };
    end::model_is_loaded();
    health.set_ready(engine.context.n_ctx());
    while let Some(order) = queue.blocking_recv() {
        health.set_busy(true);
        engine.answer(&order);
        health.set_busy(false);
    }
    Ok(())
}

struct Engine<'m> {
    model: &'m LlamaModel,
    context: LlamaContext<'m>,
    prompts: Prompts,
    batch: LlamaBatch<'static>,
    /// The tokens whose keys and values are in the context, from position 0.
    cached: Vec<LlamaToken>,
    /// The first words are written on more threads than the others.
    sprints: bool,
    /// Breaks loops. Made once: it looks through the whole vocabulary for each of its breakers, which no first word is to wait for.
    loops: LlamaSampler,
    health: &'m Health,
}

impl Engine<'_> {
    fn answer(&mut self, order: &Order) {
        match self.write(order) {
            Ok(summary) => {
                let _ = order.reply.blocking_send(Part::Done(summary));
            }
            Err(Break::Refused(error)) => {
                let _ = order.reply.blocking_send(Part::Failed(error));
            }
            Err(Break::ClientGone) => self.health.count_abandoned(),
        }
    }

    fn write(&mut self, order: &Order) -> Result<Summary, Break> {
        let Order { chat, reply } = order;
        let prompt = self.tokens(chat)?;
        send(reply, Part::Begun)?;

        sprint::on_all_threads(true);
        let begin = Instant::now();
        let cached = self.keep_common(&prompt);
        self.health.count_prompt(prompt.len() - cached, cached);
        for part in prompt[cached..].chunks(BATCH as usize) {
            self.compute(part, reply)?;
        }
        let prompt_ms = ms_since(begin);

        let begin = Instant::now();
        let vocab = self.model.vocab();
        let mut sampler = sampler(&chat.sampling, self.model.n_vocab(), &self.loops);
        let mut pieces = Pieces::new(chat.stop.clone());
        let mut generated = 0;
        if self.sprints {
            sprint::on_all_threads(sprint::is_worth_it());
        }
        let finish = loop {
            let full = self.cached.len() >= self.context.n_ctx() as usize;
            if generated >= chat.max_tokens as usize || full {
                break Finish::Length;
            }
            // The logits of the last token of the last batch.
            let token = sampler.sample(&self.context, -1);
            if vocab.is_eog(token) {
                break Finish::Stop;
            }
            generated += 1;
            if self.sprints && generated == sprint::TOKENS {
                sprint::on_all_threads(false);
            }
            self.health.count_generated();
            let ready = pieces.push(&vocab.token_to_piece(token, false, None));
            if !ready.text.is_empty() {
                send(reply, Part::Text(ready.text))?;
            }
            if ready.stopped {
                break Finish::Stop;
            }
            self.compute(&[token], reply)?;
        };
        let rest = pieces.finish();
        if !rest.is_empty() {
            send(reply, Part::Text(rest))?;
        }
        Ok(Summary {
            finish,
            prompt_tokens: prompt.len(),
            cached_tokens: cached,
            completion_tokens: generated,
            prompt_ms,
            predicted_ms: ms_since(begin),
        })
    }

    fn tokens(&self, chat: &Chat) -> Result<Vec<LlamaToken>, ApiError> {
        let text = self
            .prompts
            .write(self.model, &chat.messages)
            .map_err(|e| ApiError::failed(format!("the chat template failed: {e}")))?;
        let tokens = self.model.vocab().tokenize(text.as_bytes(), true, true);
        let room = self.context.n_ctx() as usize;
        match tokens.len() {
            0 => Err(ApiError::invalid(
                Some("messages"),
                "the messages are empty",
            )),
            count if count >= room => Err(ApiError::too_long(count, room)),
            _ => Ok(tokens),
        }
    }

    /// Forgets what the cache holds beyond the common beginning; gives its length.
    fn keep_common(&mut self, prompt: &[LlamaToken]) -> usize {
        let keep = prefix::reusable(&self.cached, prompt);
        let from = u32::try_from(keep).unwrap_or(0);
        let removed = self.context.clear_kv_cache_seq(Some(0), Some(from), None);
        // A model with recurrent layers cannot forget a part.
        if keep == 0 || !matches!(removed, Ok(true)) {
            self.forget();
            return 0;
        }
        self.cached.truncate(keep);
        keep
    }

    fn forget(&mut self) {
        self.context.clear_kv_cache();
        self.cached.clear();
    }

    /// Computes at most one batch of tokens after those in the cache, unless the client is gone.
    fn compute(&mut self, tokens: &[LlamaToken], reply: &mpsc::Sender<Part>) -> Result<(), Break> {
        if reply.is_closed() {
            return Err(Break::ClientGone);
        }
        let failed = |reason: String| ApiError::failed(format!("llama.cpp failed: {reason}"));
        self.batch.clear();
        for (index, token) in tokens.iter().enumerate() {
            let position =
                i32::try_from(self.cached.len() + index).map_err(|e| failed(e.to_string()))?;
            let last = index + 1 == tokens.len();
            self.batch
                .add(*token, position, &[0], last)
                .map_err(|e| failed(e.to_string()))?;
        }
        if let Err(problem) = self.context.decode(&mut self.batch) {
            // What the cache holds now is unknown.
            self.forget();
            return Err(failed(problem.to_string()).into());
        }
        self.cached.extend_from_slice(tokens);
        Ok(())
    }
}

fn send(reply: &mpsc::Sender<Part>, part: Part) -> Result<(), Break> {
    reply.blocking_send(part).map_err(|_| Break::ClientGone)
}

fn ms_since(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1000.0
}

fn sampler(how: &Sampling, vocabulary: i32, loops: &LlamaSampler) -> LlamaSampler {
    let mut chain = Vec::new();
    let penalized =
        how.repeat_penalty != 1.0 || how.frequency_penalty != 0.0 || how.presence_penalty != 0.0;
    if penalized {
        // Sees only what is generated: the words of the instructions and of the question may be said.
        chain.push(LlamaSampler::penalties(
            vocabulary,
            PENALTY_WINDOW,
            how.repeat_penalty,
            how.frequency_penalty,
            how.presence_penalty,
        ));
    }
    if how.repeat_penalty > 1.0 {
        chain.push(loops.clone());
    }
    if how.temperature <= 0.0 {
        chain.push(LlamaSampler::greedy());
    } else {
        if how.top_k > 0 {
            chain.push(LlamaSampler::top_k(how.top_k));
        }
        chain.push(LlamaSampler::top_p(how.top_p, 1));
        chain.push(LlamaSampler::min_p(how.min_p, 1));
        chain.push(LlamaSampler::temp(how.temperature));
        chain.push(LlamaSampler::dist(how.seed.unwrap_or_else(any_seed)));
    }
    LlamaSampler::chain(chain, true)
}

/// Another one each time; nothing secret hangs on it.
fn any_seed() -> u32 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |d| d.subsec_nanos())
}
