//! The real-time callbacks allocate nothing: an allocator counts.
//!
//! Everything is one test, because the allocator counts for the whole process. First the very functions that the
//! callbacks call, on this thread; then the callbacks themselves, on cpal's threads, against a sound server.

#![allow(clippy::unwrap_used)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hearken::audio::hardware::{Sink, Source, open_microphone, open_speaker};
use support::sound_server::SoundServer;

struct Counting;

/// Counts on every thread but those that say [`OWN`] …
static ARMED: AtomicBool = AtomicBool::new(false);
/// … or only on the one that says [`HERE`]: the test harness has a thread as well.
static ONE_THREAD: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// This thread may allocate; it is the test's, not a callback's.
    static OWN: Cell<bool> = const { Cell::new(false) };
    /// This thread is the one to be looked at.
    static HERE: Cell<bool> = const { Cell::new(false) };
}

fn note() {
    if !ARMED.load(Ordering::Relaxed) || OWN.try_with(Cell::get).unwrap_or(true) {
        return;
    }
    if !ONE_THREAD.load(Ordering::Relaxed) || HERE.try_with(Cell::get).unwrap_or(false) {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: hands everything to the system's allocator and only counts beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note();
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocates or frees on this thread.
fn allocations(work: impl FnOnce()) -> usize {
    OWN.set(false);
    HERE.set(true);
    COUNT.store(0, Ordering::SeqCst);
    ONE_THREAD.store(true, Ordering::SeqCst);
    ARMED.store(true, Ordering::SeqCst);
    work();
    ARMED.store(false, Ordering::SeqCst);
    ONE_THREAD.store(false, Ordering::SeqCst);
    HERE.set(false);
    OWN.set(true);
    COUNT.load(Ordering::SeqCst)
}

fn the_input_callback<T: Copy + Default>()
where
    f32: rodio::cpal::FromSample<T>,
{
    for channels in [1, 2, 6] {
        // Room for less than is pushed: a full ring is part of it.
        let (mut sink, mut ring, _line) = Sink::new(channels, 5000);
        let block = vec![T::default(); 480 * usize::from(channels)];
        let count = allocations(|| {
            for _ in 0..20 {
                sink.take(&block);
            }
        });
        assert_eq!(
            count,
            0,
            "{} with {channels} channels",
            std::any::type_name::<T>()
        );
        assert_eq!(ring.slots(), 5000);
        assert!(ring.pop().is_ok());
    }
}

fn the_output_callback() {
    for (channels, rate) in [(1, 16_000), (2, 48_000), (6, 44_100)] {
        let (channels, rate) = (NonZero::new(channels).unwrap(), NonZero::new(rate).unwrap());
        let (source, mut feed) = Source::new(channels, rate, 4000);
        let mut far_end = feed.far_end().unwrap();
        let (mixer, mut output) = rodio::mixer::mixer(channels, rate);
        mixer.add(source);
        // The first callback takes the source over, once.
        assert_eq!(output.next(), Some(0.0));
        for _ in 1..channels.get() {
            output.next();
        }
        assert_eq!(feed.write(&[0.5; 4000]), 4000);
        let mut heard = 0;
        let frame = usize::from(channels.get());
        let count = allocations(|| {
            heard += output
                .by_ref()
                .take(1000 * frame)
                .filter(|s| *s == 0.5)
                .count();
        });
        assert_eq!((count, heard), (0, 1000 * frame));
        assert_eq!(feed.played(), 1000);
        feed.flush();
        // Flush, silence, and more sound.
        let count = allocations(|| {
            heard = output
                .by_ref()
                .take(500 * frame)
                .filter(|s| *s != 0.0)
                .count();
        });
        assert_eq!((count, heard), (0, 0), "discarded, not muted or late");
        assert_eq!((feed.played(), feed.written()), (4000, 4000));
        feed.write(&[0.25; 10]);
        let count = allocations(|| {
            heard = output
                .by_ref()
                .take(500 * frame)
                .filter(|s| *s == 0.25)
                .count();
        });
        assert_eq!((count, heard), (0, 10 * frame));
        // Ducked, paused, and a reference that nobody reads: ten seconds and more of it.
        feed.write(&[0.5; 4000]);
        feed.set_gain(0.25);
        let frames = 11 * usize::try_from(rate.get()).unwrap();
        let count = allocations(|| {
            output.by_ref().take(1000 * frame).for_each(drop);
            feed.pause(true);
            output.by_ref().take(500 * frame).for_each(drop);
            feed.pause(false);
            output.by_ref().take(frames * frame).for_each(drop);
        });
        assert_eq!(count, 0);
        let mut copied = Vec::new();
        far_end.read(&mut copied);
        assert_eq!(copied.len(), 10 * usize::try_from(rate.get()).unwrap());
        assert!(far_end.dropped() > 0);
        assert!(copied.iter().filter(|s| **s == 0.5).count() >= 1000);
        assert!(copied.iter().any(|s| (*s - 0.125).abs() < 1e-6));
    }
}

fn on_the_sound_server() {
    let server = SoundServer::start();
    for (name, value) in server.env() {
        // SAFETY: no other thread of this test reads or writes the environment now.
        unsafe { std::env::set_var(name, value) };
    }
    let mut microphone = open_microphone("default").unwrap();
    let mut speaker = open_speaker("default").unwrap();
    let sound = vec![0.1; speaker.rate() as usize / 20];
    let (mut heard, mut playing) = (Vec::new(), 0);
    let began = Instant::now();
    let mut armed_at = None;
    // Callbacks run on cpal's threads; this one keeps them busy, and is not counted.
    while heard.len() < 2 * 16_000 {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "only {} samples heard",
            heard.len()
        );
        microphone
            .read(&mut heard, Duration::from_millis(20))
            .unwrap();
        playing += speaker.write(&sound).unwrap();
        if armed_at.is_none() && heard.len() > 16_000 && speaker.played() > 0 {
            armed_at = Some(speaker.played());
            COUNT.store(0, Ordering::SeqCst);
            ARMED.store(true, Ordering::SeqCst);
        }
        if heard.len() > 24_000 && playing > 0 {
            speaker.flush();
            playing = 0;
        }
    }
    ARMED.store(false, Ordering::SeqCst);
    assert!(
        speaker.played() > armed_at.unwrap(),
        "the output callback did not run"
    );
    assert_eq!(
        COUNT.load(Ordering::SeqCst),
        0,
        "allocations on the sound system's threads"
    );
}

#[test]
fn the_callbacks_allocate_nothing() {
    OWN.set(true);
    // The counter counts.
    assert!(allocations(|| drop(std::hint::black_box(vec![1u8; 100]))) >= 2);
    the_input_callback::<i8>();
    the_input_callback::<i16>();
    the_input_callback::<rodio::cpal::I24>();
    the_input_callback::<i32>();
    the_input_callback::<i64>();
    the_input_callback::<u8>();
    the_input_callback::<u16>();
    the_input_callback::<rodio::cpal::U24>();
    the_input_callback::<u32>();
    the_input_callback::<u64>();
    the_input_callback::<f32>();
    the_input_callback::<f64>();
    the_output_callback();
    on_the_sound_server();
}
