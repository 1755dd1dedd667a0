// Sound and vibration for a new alert, on whichever screen. Off until the person turns it on.
//
// Rule: a browser plays nothing before the page was touched, so the first touch opens the sound.
import { signal } from '@preact/signals';

import { onNotice } from '../../app/live';
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

function open() {
    audio ??= new AudioContext();
    void audio.resume();
}

function ring(urgency: Urgency) {
    if (!alarm.value) return;
    const urgent = urgency === 'CRITICAL' || urgency === 'URGENT';
    open();
    for (let i = 0; i < (urgent ? 3 : 1); i++) beep(audio!.currentTime + i * 0.45, urgent ? 880 : 520);
    navigator.vibrate?.(urgent ? [300, 150, 300, 150, 300] : [200]);
}

// Rings for each new alert from now on; returns how to stop.
export function startAlarm(): () => void {
    if (alarm.value) document.addEventListener('pointerdown', open, { once: true });
    return onNotice((notice) => ring(notice.urgency));
}

export function setAlarm(on: boolean) {
    alarm.value = on;
    localStorage.setItem(KEPT, on ? 'on' : 'off');
    if (on) ring('LOW'); // lets the person hear it, and opens the sound for later
}
