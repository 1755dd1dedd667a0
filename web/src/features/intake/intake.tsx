// Forms: drop, pick or photograph them, and watch each go through; below, what waits for review.
import { useRef, useState } from 'preact/hooks';

import { t } from '../../app/i18n';
import { me } from '../../app/session';
import { useQueue } from '../../lib/query';
import type { QueueItem } from '../../lib/types';
import { Icon } from '../../ui/icons';
import { Badge, Empty, Loaded, Title, UrgencyBadge, When } from '../../ui/parts';
import { SentForm } from './sent_form';
import { add, uploads } from './uploads';

const TYPES = 'image/png,image/jpeg,image/tiff,application/pdf,.tif,.tiff';

function Picker({ name, camera, onFiles }: { name: string; camera?: boolean; onFiles: (files: FileList) => void }) {
    const input = useRef<HTMLInputElement>(null);
    return (
        <>
            <button type="button" class={camera ? 'big' : 'primary big'} onClick={() => input.current?.click()}>
                <Icon name={camera ? 'camera' : 'upload'} />
                {name}
            </button>
            <input
                ref={input}
                type="file"
                class="hidden"
                tabIndex={-1}
                aria-label={name}
                accept={camera ? 'image/jpeg,image/png' : TYPES}
                multiple={!camera}
                {...(camera ? { capture: 'environment' } : {})}
                onChange={(e) => {
                    if (e.currentTarget.files) onFiles(e.currentTarget.files);
                    e.currentTarget.value = '';
                }}
            />
        </>
    );
}

function DropZone() {
    const [over, setOver] = useState(false);
    const [room, setRoom] = useState('');
    const take = (files: FileList) => {
        add(files, room);
        setRoom('');
    };
    return (
        <section
            class={`drop ${over ? 'over' : ''}`}
            aria-label={t('forms.upload')}
            onDragOver={(e) => {
                e.preventDefault();
                setOver(true);
            }}
            onDragLeave={() => setOver(false)}
            onDrop={(e) => {
                e.preventDefault();
                setOver(false);
                if (e.dataTransfer?.files.length) take(e.dataTransfer.files);
            }}
        >
            <p class="drop-lead">{t('forms.drop')}</p>
            <p class="dim">{t('forms.kinds')}</p>
            <div class="actions center">
                <Picker name={t('forms.pick')} onFiles={take} />
                {navigator.maxTouchPoints > 0 && <Picker name={t('forms.photo')} camera onFiles={take} />}
            </div>
            <label class="inline">
                {t('forms.room')}
                <input value={room} maxLength={20} autocomplete="off" onInput={(e) => setRoom(e.currentTarget.value)} />
            </label>
        </section>
    );
}

function QueueRow({ item }: { item: QueueItem }) {
    const lockedByOther = item.lockedBy && item.lockedBy !== me.value?.id && item.lockedUntil && Date.parse(item.lockedUntil) > Date.now();
    return (
        <li class="row waits">
            <div class="row-main">
                <When at={item.createdAt} />
                {lockedByOther && <span class="dim">{t('review.locked')}</span>}
            </div>
            {item.status === 'FAILED' && <Badge tone="bad">{t('formStatus.FAILED')}</Badge>}
            {item.status !== 'FAILED' && item.urgencyLevel && <UrgencyBadge level={item.urgencyLevel} />}
            <a class="button small" href={`/forms/${item.formId}`}>
                {t('review.open')}
            </a>
        </li>
    );
}

function ReviewQueue() {
    const queue = useQueue();
    const items = queue.data?.items ?? [];
    return (
        <section aria-labelledby="queue-title">
            <h2 id="queue-title">{t('review.queue')}</h2>
            <Loaded query={queue}>
                {items.length === 0 && <Empty>{t('review.none')}</Empty>}
                <ul class="rows">
                    {items.map((item) => (
                        <QueueRow key={item.formId} item={item} />
                    ))}
                </ul>
            </Loaded>
        </section>
    );
}

export default function Intake() {
    return (
        <>
            <Title>{t('nav.forms')}</Title>
            <div class="columns">
                <div>
                    <DropZone />
                    <section aria-labelledby="sent-title">
                        <h2 id="sent-title">{t('forms.session')}</h2>
                        {uploads.value.length === 0 && <Empty>{t('forms.none')}</Empty>}
                        <ul class="cards" aria-live="polite">
                            {uploads.value.map((sent) => (
                                <SentForm key={sent.key} sent={sent} />
                            ))}
                        </ul>
                    </section>
                </div>
                <ReviewQueue />
            </div>
        </>
    );
}
