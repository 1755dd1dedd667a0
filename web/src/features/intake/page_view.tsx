// The page image of a form, with the place of the field that is being looked at.
//
// Rule: the image comes with the token, as a blob, and its address is given back when it is not shown.
import { useQuery } from '@tanstack/preact-query';
import { useEffect, useState } from 'preact/hooks';

import { t } from '../../app/i18n';
import { getBlob } from '../../lib/api';
import type { FieldValue } from '../../lib/types';
import { Loaded } from '../../ui/parts';

const GAP = 0.004; // of the page, so that the frame does not cross the writing

function useObjectUrl(blob: Blob | undefined): string | undefined {
    const [url, setUrl] = useState<string>();
    useEffect(() => {
        if (!blob) return;
        const made = URL.createObjectURL(blob);
        setUrl(made);
        return () => URL.revokeObjectURL(made);
    }, [blob]);
    return url;
}

function Pager({ page, pages, onPage }: { page: number; pages: number; onPage: (page: number) => void }) {
    if (pages < 2) return null;
    return (
        <div class="segments" role="group" aria-label={t('review.pages')}>
            {Array.from({ length: pages }, (_, i) => i + 1).map((n) => (
                <button type="button" key={n} aria-pressed={page === n} onClick={() => onPage(n)}>
                    {t('review.page', { page: n })}
                </button>
            ))}
        </div>
    );
}

export function PageView({ formId, pages, field }: { formId: string; pages: number; field: FieldValue }) {
    const [page, setPage] = useState(1);
    const [whole, setWhole] = useState(false);
    const at = field.page === undefined ? undefined : field.page + 1; // the API counts pages of fields from 0
    useEffect(() => {
        if (at) setPage(at);
    }, [at]);
    const image = useQuery({
        queryKey: ['pages', formId, page],
        queryFn: () => getBlob(`/intake/${formId}/pages/${page}.png`),
        staleTime: Infinity,
        gcTime: 0,
    });
    const url = useObjectUrl(image.data);
    const box = at === page ? field.box : undefined;
    return (
        <figure class={`page ${whole ? 'whole' : ''}`}>
            <Pager page={page} pages={pages} onPage={setPage} />
            <Loaded query={image}>
                {url && (
                    <button type="button" class="page-image" aria-label={t('review.zoom')} aria-pressed={whole} onClick={() => setWhole(!whole)}>
                        <span class="page-frame">
                            <img src={url} alt={t('review.page', { page })} />
                            {box && (
                                <svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
                                    <rect x={box[0] - GAP} y={box[1] - GAP} width={box[2] + 2 * GAP} height={box[3] + 2 * GAP} />
                                </svg>
                            )}
                        </span>
                    </button>
                )}
            </Loaded>
        </figure>
    );
}
