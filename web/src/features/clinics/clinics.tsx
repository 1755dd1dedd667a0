// All clinics in numbers, for corporate: no names, and cells below five are withheld by the server.
import { t } from '../../app/i18n';
import { useAggregate } from '../../lib/query';
import { CELLS, type Cells } from '../../lib/types';
import { Loaded, Title } from '../../ui/parts';

function Numbers({ cells, below }: { cells: Cells; below: number }) {
    return (
        <>
            {CELLS.map((cell) => (
                <td key={cell}>
                    {cells[cell] ?? (
                        <span class="dim" title={t('clinics.suppressed', { below })}>
                            &lt; {below}
                        </span>
                    )}
                </td>
            ))}
        </>
    );
}

export default function Clinics() {
    const query = useAggregate();
    const data = query.data;
    return (
        <>
            <Title>{t('nav.clinics')}</Title>
            <Loaded query={query}>
                {data && (
                    <>
                        <div class="table-wrap" tabIndex={0} role="region" aria-label={t('nav.clinics')}>
                            <table>
                                <thead>
                                    <tr>
                                        <th scope="col">{t('clinics.clinic')}</th>
                                        {CELLS.map((cell) => (
                                            <th scope="col" key={cell}>
                                                {t(`cell.${cell}`)}
                                            </th>
                                        ))}
                                    </tr>
                                </thead>
                                <tbody>
                                    {data.clinics.map((clinic) => (
                                        <tr key={clinic.clinicId}>
                                            <th scope="row">{clinic.name}</th>
                                            <Numbers cells={clinic} below={data.suppressedBelow} />
                                        </tr>
                                    ))}
                                </tbody>
                                <tfoot>
                                    <tr>
                                        <th scope="row">{t('clinics.total')}</th>
                                        {CELLS.map((cell) => (
                                            <td key={cell}>
                                                {data.clinics.some((clinic) => clinic[cell] === null) && '≥ '}
                                                {data.totals[cell]}
                                            </td>
                                        ))}
                                    </tr>
                                </tfoot>
                            </table>
                        </div>
                        <p class="dim">{t('clinics.suppressedLong', { below: data.suppressedBelow })}</p>
                    </>
                )}
            </Loaded>
        </>
    );
}
