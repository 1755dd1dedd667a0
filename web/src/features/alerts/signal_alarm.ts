// Sound and vibration for a new alert. Off until the person turns it on (browsers want a touch first).
import { signal } from '@preact/signals';

import type { Urgency } from '../../lib/types';

const KEPT = 'nexacore.alarm';
export const alarm = signal(localStorage.getItem(KEPT) === 'on');

let audio: AudioContext | undefined;

function beep(at: number, pitch: number) {
    const tone = audio!.createOscillator();
    const volume = audio!.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.25, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.35);
    tone.connect(volume).connect(audio!.destination);
    tone.start(at);
    tone.stop(at + 0.4);
}

export function ring(urgency: Urgency) {
    if (!alarm.value) return;
    const urgent = urgency === 'CRITICAL' || urgency === 'URGENT';
    audio ??= new AudioContext();
    void audio.resume();
    for (let i = 0; i < (urgent ? 3 : 1); i++) beep(audio.currentTime + i * 0.45, urgent ? 880 : 520);
    navigator.vibrate?.(urgent ? [300, 150, 300, 150, 300] : [200]);
}

export function setAlarm(on: boolean) {
    alarm.value = on;
    localStorage.setItem(KEPT, on ? 'on' : 'off');
    if (on) ring('LOW'); // lets the person hear it, and opens the sound for later
}
