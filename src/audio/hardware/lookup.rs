//! Which devices there are and which one a name means; and what to tell a person when the answer is none.
//!
//! Everything here asks the sound system, which may hang, so it runs on threads of its own that are given up on.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{ErrorKind, SupportedStreamConfig};
use rodio::DeviceSinkError;

use crate::audio::devices::{self, Device, Role};

/// A sound system that has not answered for so long is hung.
const OPENING: Duration = Duration::from_secs(8);
/// Closing a dead device is not waited for any longer than this.
const CLOSING: Duration = Duration::from_secs(1);

/// Why a device was not opened.
pub(super) enum Refusal {
    /// No device of that name; the advice.
    Unknown(String),
    /// The sound system refused.
    System(cpal::Error),
    /// It opened and is of no use.
    Unfit(String),
    /// The sound system did not answer.
    Hung,
}

impl From<cpal::Error> for Refusal {
    fn from(error: cpal::Error) -> Self {
        Self::System(error)
    }
}

impl From<DeviceSinkError> for Refusal {
    fn from(error: DeviceSinkError) -> Self {
        match error {
            DeviceSinkError::PlayError(error)
            | DeviceSinkError::DefaultSinkConfigError(error)
            | DeviceSinkError::BuildError(error)
            | DeviceSinkError::SupportedConfigsError(error) => Self::System(error),
            DeviceSinkError::NoDevice => Self::System(ErrorKind::DeviceNotAvailable.into()),
            other => Self::Unfit(other.to_string()),
        }
    }
}

impl Refusal {
    /// Whether the device is absent (else it is there and refuses), and the sentence for the user.
    pub(super) fn words(self, name: &str, role: Role) -> (bool, String) {
        let by_default = name == DEFAULT || name.is_empty();
        let (noun, group) = match role {
            Role::Microphone => ("record", "a microphone"),
            Role::Loudspeaker => ("play", "a loudspeaker"),
        };
        match self {
            Self::Unknown(advice) => (true, advice),
            Self::Unfit(reason) => (false, reason),
            Self::Hung => (
                false,
                format!("the sound system has not answered for {} s; restart it", OPENING.as_secs()),
            ),
            Self::System(error) => match error.kind() {
                ErrorKind::DeviceBusy => (false, "another program is using it; close that, or name another device".into()),
                ErrorKind::PermissionDenied => (
                    false,
                    "the system does not allow it; add your user to the group \"audio\" and log in again".into(),
                ),
                ErrorKind::UnsupportedOperation => {
                    (true, format!("it cannot {noun}; `hearken devices` lists what can"))
                }
                ErrorKind::UnsupportedConfig if !by_default => {
                    (false, "it offers no format that can be used; `hearken devices` lists others".into())
                }
                _ if by_default => (
                    true,
                    format!(
                        "neither a sound card nor a sound server answers; plug in {group}, or start PipeWire or \
                         PulseAudio, and look with `hearken devices`"
                    ),
                ),
                ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => {
                    (true, "it is not there now; plug it in, or choose another from `hearken devices`".into())
                }
                _ => (false, format!("the sound system refuses ({error})")),
            },
        }
    }
}

/// The name that means whatever the system is set to.
pub const DEFAULT: &str = "default";

/// The device that `name` means.
pub(super) fn find(name: &str, role: Role) -> Result<cpal::Device, Refusal> {
    let host = host()?;
    let preset = match role {
        Role::Microphone => host.default_input_device(),
        Role::Loudspeaker => host.default_output_device(),
    };
    if name == DEFAULT || name.is_empty() {
        return preset.ok_or_else(|| Refusal::System(ErrorKind::DeviceNotAvailable.into()));
    }
    let known = known(&host)?;
    let names: Vec<Device> = known.iter().map(|(named, _)| named.clone()).collect();
    let chosen = devices::choose(name, &names, role)
        .map_err(|unclear| Refusal::Unknown(unclear.to_string()))?;
    let position = names.iter().position(|named| named == chosen);
    position
        .and_then(|index| known.into_iter().nth(index))
        .map(|(_, device)| device)
        .ok_or_else(|| Refusal::System(ErrorKind::DeviceNotAvailable.into()))
}

/// All devices and how they are named; the default among them even where the sound system does not list it.
fn known(host: &cpal::Host) -> Result<Vec<(Device, cpal::Device)>, cpal::Error> {
    let mut known: Vec<(Device, cpal::Device)> = host
        .devices()?
        .filter_map(|device| Some((described(&device)?, device)))
        .collect();
    let preset = host
        .default_input_device()
        .or_else(|| host.default_output_device());
    if let Some(device) = preset
        && !known.iter().any(|(named, _)| named.name == DEFAULT)
    {
        let named = Device {
            name: DEFAULT.into(),
            description: "what the system is set to".into(),
            hears: true,
            plays: true,
        };
        known.push((named, device));
    }
    Ok(known)
}

fn described(device: &cpal::Device) -> Option<Device> {
    let id = device.id().ok()?;
    let description = device.description().ok()?;
    let words: Vec<&str> = description.extended().collect();
    // ALSA's identifier is what a person can type; elsewhere it is a number, and the name is.
    let name = if cfg!(target_os = "linux") {
        id.id()
    } else {
        description.name()
    };
    Some(Device {
        name: name.to_owned(),
        description: words
            .first()
            .copied()
            .unwrap_or(description.name())
            .to_owned(),
        hears: device.supports_input(),
        plays: device.supports_output(),
    })
}

/// All devices as the sound system names them, without opening any.
///
/// # Errors
/// A sentence, when the sound system does not answer.
pub fn list() -> Result<Vec<Device>, String> {
    let listed = answered_among(MOST_ASKING, || {
        Ok::<_, cpal::Error>(
            known(&host()?)?
                .into_iter()
                .map(|(named, _)| named)
                .collect(),
        )
    });
    match listed {
        Some(Ok(devices)) => Ok(devices),
        Some(Err(error)) => Err(format!("the sound system lists no devices: {error}")),
        None => Err("the sound system does not answer; restart it".into()),
    }
}

/// The format in which a device would be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// In Hz.
    pub rate: u32,
    /// How many channels.
    pub channels: u16,
    /// The lowest and highest rates that it takes, in Hz.
    pub rates: (u32, u32),
}

/// Asks a device (its exact name, or `default`) for its format; that opens it for a moment.
///
/// # Errors
/// A sentence, when it cannot be opened.
pub fn format(name: &str, role: Role) -> Result<Format, String> {
    let asked = name.to_owned();
    let probed = answered_among(MOST_ASKING, move || {
        let device = find(&asked, role)?;
        let (own, ranges): (_, Vec<_>) = match role {
            Role::Microphone => (
                input_config(&device)?,
                device.supported_input_configs()?.collect(),
            ),
            Role::Loudspeaker => (
                device.default_output_config()?,
                device.supported_output_configs()?.collect(),
            ),
        };
        let lowest = ranges.iter().map(|range| range.min_sample_rate()).min();
        let highest = ranges.iter().map(|range| range.max_sample_rate()).max();
        let rate = own.sample_rate();
        Ok::<_, Refusal>(Format {
            rate,
            channels: own.channels(),
            rates: (lowest.unwrap_or(rate), highest.unwrap_or(rate)),
        })
    });
    probed
        .unwrap_or(Err(Refusal::Hung))
        .map_err(|refusal| refusal.words(name, role).1)
}

fn host() -> Result<cpal::Host, cpal::Error> {
    quieten();
    // Not `default_host`, which panics when there is none.
    let id = cpal::available_hosts().into_iter().next();
    cpal::host_from_id(id.ok_or(ErrorKind::HostUnavailable)?)
}

/// So many threads may hang in the sound system: one for each device, and some of people who list them.
const MOST_HANGING: usize = 6;
/// With so many of them nobody lists devices: a lost one is to be opened again, however often somebody asks what there is.
const MOST_ASKING: usize = 3;
/// Each of them holds one.
static HANGING: LazyLock<Arc<()>> = LazyLock::new(Arc::default);

/// Runs `work` on a thread of its own and gives up on it when the sound system hangs.
pub(super) fn answered<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    answered_among(MOST_HANGING, work)
}

/// As [`answered`]; gives up at once where so many threads hang already.
fn answered_among<T: Send + 'static>(
    most: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    // Who looks for a device again and again leaves no more than these behind in a system that hangs.
    if Arc::strong_count(&HANGING) > most {
        return None;
    }
    let hanging = Arc::clone(&HANGING);
    // One answer; when nobody waits any more it is dropped, device and all.
    let (sender, receiver) = sync_channel(1);
    let spawned = std::thread::Builder::new()
        .name("sound-open".into())
        .spawn(move || {
            let _ = sender.try_send(work());
            drop(hanging);
        });
    spawned.ok()?;
    receiver.recv_timeout(OPENING).ok()
}

/// A stream that is closed on a thread of its own, because closing a dead device can hang.
pub(super) struct Held<T: Send + 'static>(pub(super) Option<T>);

impl<T: Send + 'static> Drop for Held<T> {
    fn drop(&mut self) {
        let Some(stream) = self.0.take() else { return };
        // Nothing is ever sent: that the sender is dropped says that the stream is.
        let (sender, receiver) = sync_channel::<()>(0);
        let closing = std::thread::Builder::new()
            .name("sound-close".into())
            .spawn(move || {
                drop(stream);
                drop(sender);
            });
        if closing.is_ok() && receiver.recv_timeout(CLOSING) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the sound system does not close a device; it is left behind");
        }
    }
}

/// Keeps ALSA from writing to the terminal: what matters of it comes back as an error.
fn quieten() {
    #[cfg(target_os = "linux")]
    super::alsa_silence::install();
}

/// The device's own format; one with samples that are numbers, should that be DSD.
pub(super) fn input_config(device: &cpal::Device) -> Result<SupportedStreamConfig, cpal::Error> {
    let own = device.default_input_config()?;
    if !own.sample_format().is_dsd() {
        return Ok(own);
    }
    let mut others = device.supported_input_configs()?;
    let other = others.find(|range| !range.sample_format().is_dsd());
    Ok(other.map_or(own, |range| range.with_max_sample_rate()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(kind: ErrorKind, name: &str) -> (bool, String) {
        Refusal::from(cpal::Error::new(kind)).words(name, Role::Microphone)
    }

    #[test]
    fn a_device_in_use_is_there_and_refuses() {
        for name in ["default", "plughw:CARD=C920,DEV=0"] {
            let (absent, advice) = words(ErrorKind::DeviceBusy, name);
            assert!(!absent);
            assert!(advice.contains("another program is using it"), "{advice}");
        }
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let cases = [
            (
                ErrorKind::PermissionDenied,
                "default",
                false,
                "add your user to the group",
            ),
            (
                ErrorKind::DeviceNotAvailable,
                "default",
                true,
                "plug in a microphone",
            ),
            (
                ErrorKind::BackendError,
                "",
                true,
                "start PipeWire or PulseAudio",
            ),
            (ErrorKind::DeviceNotAvailable, "pulse", true, "plug it in"),
            (
                ErrorKind::UnsupportedOperation,
                "pulse",
                true,
                "it cannot record",
            ),
            (
                ErrorKind::UnsupportedConfig,
                "hw:0",
                false,
                "no format that can be used",
            ),
            (
                ErrorKind::BackendError,
                "pulse",
                false,
                "the sound system refuses",
            ),
        ];
        for (kind, name, absent, part) in cases {
            let (was_absent, advice) = words(kind, name);
            assert_eq!(was_absent, absent, "{kind:?}: {advice}");
            assert!(advice.contains(part), "{kind:?}: {advice}");
        }
        assert!(
            Refusal::Hung
                .words("default", Role::Loudspeaker)
                .1
                .contains("restart it")
        );
    }

    #[test]
    fn nobody_waits_for_what_is_done() {
        assert_eq!(answered(|| 7), Some(7));
    }

    #[test]
    fn who_lists_devices_bars_nobody_from_opening_one() {
        let hang = || {
            let hanging = Arc::clone(&HANGING);
            std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(300));
                drop(hanging);
            })
        };
        let hung: Vec<_> = (0..MOST_ASKING).map(|_| hang()).collect();
        assert_eq!(answered_among(MOST_ASKING, || 7), None);
        assert_eq!(answered(|| 7), Some(7));
        for thread in hung {
            let _ = thread.join();
        }
    }
}
