// Which learned layout a form was read with, or taught; an administrator may forget it.
import { useMutation, useQueryClient } from '@tanstack/preact-query';
import { useState } from 'preact/hooks';

import { t } from '../../app/i18n';
import { me } from '../../app/session';
import { remove } from '../../lib/api';
import type { Layout } from '../../lib/types';
import { Problem } from '../../ui/parts';

export function LayoutNote({ layout }: { layout: Layout }) {
    const queries = useQueryClient();
    const [asked, setAsked] = useState(false);
    const forget = useMutation({
        mutationFn: () => remove(`/intake/layouts/${layout.id}`),
        onSuccess: () => queries.invalidateQueries({ queryKey: ['forms'] }),
    });
    return (
        <div class="result-line">
            <span class="dim">{t('review.layout', { count: layout.confirmedForms })}</span>
            {me.value?.role === 'ADMIN' && (
                <button type="button" class="small" disabled={forget.isPending} onClick={() => (asked ? forget.mutate() : setAsked(true))}>
                    {t('review.layoutForget')}
                </button>
            )}
            {asked && <span role="status">{t('review.layoutSure')}</span>}
            {forget.isError && <Problem error={forget.error} />}
        </div>
    );
}
