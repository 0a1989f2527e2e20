# shellcheck shell=sh
# A private sound server for machines without a sound card: for demonstrations and tests.
#
# Source it:   . scripts/sound-server.sh
#   start_sound_server DIR   starts PulseAudio with a loudspeaker ("speaker") and a room ("room") that the microphone
#                            ("mic", the default) hears; exports what programs need to find it. Returns 1 with a
#                            sentence on stderr when it does not come up within 10 s. DIR is made, and holds nothing
#                            but the server's own files.
#   play_into_room FILE      somebody speaks: returns when the recording is over.
#   record_speaker FILE      records what the loudspeaker plays, until stop_recording.
#   stop_recording           ends it and waits until the file is whole.
#   stop_sound_server        ends the recording and the server, by process id. Safe to call twice and from a trap.
# The user's own sound server is never touched: another socket, another configuration, no autospawn.

start_sound_server() {
    sound_server_pid='' sound_recorder_pid='' sound_server_dir=$1
    for sound_tool in pulseaudio pactl paplay parecord; do
        if ! command -v "$sound_tool" >/dev/null 2>&1; then
            echo "sound server: $sound_tool is missing; install pulseaudio and pulseaudio-utils" >&2
            return 1
        fi
    done
    mkdir -p "$sound_server_dir" && chmod 700 "$sound_server_dir" || return 1
    sound_server_dir=$(cd "$sound_server_dir" && pwd) || return 1
    rm -f "$sound_server_dir/socket"
    # Without the system's own configuration: no card and no user's setting can get in the way.
    printf 'pcm.!default { type pulse }\nctl.!default { type pulse }\n' >"$sound_server_dir/alsa.conf"
    # Nobody is asked for it, but the library complains without one.
    head -c 256 /dev/zero >"$sound_server_dir/cookie"
    # A virtual sink that nobody hurries works in blocks of two seconds, unlike any card; the loopbacks hurry them.
    # In the background by itself, so that $! is the server's own process id.
    env -u PULSE_SERVER -u DBUS_SESSION_BUS_ADDRESS -u DISPLAY \
        HOME="$sound_server_dir" XDG_RUNTIME_DIR="$sound_server_dir" XDG_CONFIG_HOME="$sound_server_dir" \
        PULSE_RUNTIME_PATH="$sound_server_dir" PULSE_STATE_PATH="$sound_server_dir" \
        pulseaudio -n --daemonize=no --exit-idle-time=600 --use-pid-file=no --disable-shm=yes \
        --high-priority=no --realtime=no --log-target=file:"$sound_server_dir/log" \
        -L "module-native-protocol-unix auth-anonymous=1 socket=$sound_server_dir/socket" \
        -L "module-null-sink sink_name=speaker rate=48000" \
        -L "module-null-sink sink_name=room rate=48000" \
        -L "module-remap-source source_name=mic master=room.monitor" \
        -L "module-null-sink sink_name=void rate=48000" \
        -L "module-loopback source=mic sink=void latency_msec=30" \
        -L "module-loopback source=speaker.monitor sink=void latency_msec=30" \
        </dev/null >/dev/null 2>&1 &
    sound_server_pid=$!
    XDG_RUNTIME_DIR=$sound_server_dir
    PULSE_RUNTIME_PATH=$sound_server_dir
    PULSE_SERVER=unix:$sound_server_dir/socket
    PULSE_COOKIE=$sound_server_dir/cookie
    ALSA_CONFIG_PATH=$sound_server_dir/alsa.conf
    export XDG_RUNTIME_DIR PULSE_RUNTIME_PATH PULSE_SERVER PULSE_COOKIE ALSA_CONFIG_PATH
    sound_tries=0
    until pactl set-default-sink speaker >/dev/null 2>&1 && pactl set-default-source mic >/dev/null 2>&1; do
        sound_tries=$((sound_tries + 1))
        if [ "$sound_tries" -gt 100 ] || ! kill -0 "$sound_server_pid" 2>/dev/null; then
            echo "sound server: it did not come up; $sound_server_dir/log says why" >&2
            stop_sound_server
            return 1
        fi
        sleep 0.1
    done
    # The first block is two seconds long in spite of the loopbacks: wait until it is over.
    for sound_source in mic speaker.monitor; do
        timeout 6 parecord --device="$sound_source" --raw --latency-msec=20 2>/dev/null | head -c 8000 >/dev/null || :
    done
}

play_into_room() {
    paplay --device=room "$1"
}

record_speaker() {
    parecord --device=speaker.monitor --file-format=wav --channels=1 --latency-msec=20 "$1" </dev/null >/dev/null 2>&1 &
    sound_recorder_pid=$!
    sound_tries=0
    # More than a header in the file: it records.
    until [ "$(wc -c 2>/dev/null <"$1" || echo 0)" -gt 100 ] || [ "$sound_tries" -gt 50 ]; do
        sound_tries=$((sound_tries + 1))
        sleep 0.1
    done
}

stop_recording() {
    [ -n "${sound_recorder_pid:-}" ] || return 0
    _end_process INT "$sound_recorder_pid"
    sound_recorder_pid=''
}

stop_sound_server() {
    stop_recording
    [ -n "${sound_server_pid:-}" ] || return 0
    _end_process TERM "$sound_server_pid"
    sound_server_pid=''
}

# _end_process SIGNAL PID: asks, waits at most 3 s, then kills.
_end_process() {
    kill -s "$1" "$2" 2>/dev/null || :
    sound_tries=0
    while kill -0 "$2" 2>/dev/null && [ "$sound_tries" -lt 30 ]; do
        sound_tries=$((sound_tries + 1))
        sleep 0.1
    done
    kill -KILL "$2" 2>/dev/null || :
    wait "$2" 2>/dev/null || :
    return 0
}
