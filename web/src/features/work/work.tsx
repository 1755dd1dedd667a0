// The clinic's work in the queues, for administration: how much waits and runs, what failed and why,
// and a button that lets it run again.
//
// Rule: a reason is shown in the reader's language by its code; the server's own sentence stands below.
import { useMutation } from '@tanstack/preact-query';
import { useState } from 'preact/hooks';

import { t, tCode } from '../../app/i18n';
import { post } from '../../lib/api';
import { client, useWork } from '../../lib/query';
import { exactTime } from '../../lib/time';
import type { FailedJob, WorkQueue } from '../../lib/types';
import { Badge, Empty, Loaded, Problem, Title } from '../../ui/parts';

const again = (queue: string, id: string) => post(`/queues/${encodeURIComponent(queue)}/jobs/${encodeURIComponent(id)}/retry`, {});

function Job({ queue, job }: { queue: string; job: FailedJob }) {
    const [asked, setAsked] = useState(false);
    const retry = useMutation({
        mutationFn: () => again(queue, job.id),
        onSuccess: () => {
            setAsked(true);
            setTimeout(() => void client.invalidateQueries({ queryKey: ['work'] }), 3000);
        },
    });
    return (
        <li class="failed-job" data-job={job.id}>
            <div>
                <strong>{tCode(`workReason.${job.code}`, t('workReason.other'))}</strong>
                <p class="dim" lang="en">
                    {job.reason}
                </p>
                <p class="dim">
                    {job.failedAt && <time dateTime={job.failedAt}>{exactTime(job.failedAt)}</time>} · {t('work.tries', { count: job.attemptsMade })}
                    {job.formId && (
                        <>
                            {' · '}
                            <a href={`/forms/${job.formId}`}>{t('work.openForm')}</a>
                        </>
                    )}
                    {job.alertId && (
                        <>
                            {' · '}
                            <a href={`/alerts/${job.alertId}`}>{t('work.openAlert')}</a>
                        </>
                    )}
                </p>
                {retry.isError && <Problem error={retry.error} />}
            </div>
            {asked ? (
                <span class="dim" role="status">
                    {t('work.asked')}
                </span>
            ) : (
                <button type="button" class="small" disabled={retry.isPending} onClick={() => retry.mutate()}>
                    {t('work.again')}
                </button>
            )}
        </li>
    );
}

function Queue({ queue }: { queue: WorkQueue }) {
    const { counts } = queue;
    const numbers = [
        ['work.waiting', counts.waiting + counts.prioritized],
        ['work.active', counts.active],
        ['work.delayed', counts.delayed],
        ['work.completed', counts.completed],
        ['work.failed', counts.failed],
    ] as const;
    const name = tCode(`workQueue.${queue.name}`, queue.name);
    return (
        <section class="card work-queue" aria-label={name} data-queue={queue.name}>
            <h2 title={queue.name}>
                {name} {queue.paused && <Badge tone="warn">{t('work.paused')}</Badge>}
            </h2>
            <dl class="work-counts">
                {numbers.map(([text, number]) => (
                    <div key={text} class={text === 'work.failed' && number > 0 ? 'some-failed' : ''}>
                        <dt>{t(text)}</dt>
                        <dd>{number}</dd>
                    </div>
                ))}
            </dl>
            {queue.atLeast && <p class="dim">{t('work.atLeast')}</p>}
            {queue.failed.length > 0 && (
                <ul class="failed-jobs">
                    {queue.failed.map((job) => (
                        <Job key={`${job.id} ${job.failedAt}`} queue={queue.name} job={job} />
                    ))}
                </ul>
            )}
        </section>
    );
}

export default function Work() {
    const work = useWork();
    const queues = work.data?.items ?? [];
    return (
        <>
            <Title
                side={
                    <button type="button" disabled={work.isFetching} onClick={() => void work.refetch()}>
                        {t('work.refresh')}
                    </button>
                }
            >
                {t('nav.work')}
            </Title>
            <p class="dim">{t('work.note')}</p>
            <Loaded query={work}>
                {queues.every((queue) => queue.failed.length === 0) && <Empty>{t('work.none')}</Empty>}
                {queues.map((queue) => (
                    <Queue key={queue.name} queue={queue} />
                ))}
            </Loaded>
        </>
    );
}
