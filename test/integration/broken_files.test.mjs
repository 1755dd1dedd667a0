// Files that look like forms and cannot be read: the form ends as FAILED with the code of its fault
// (lib/formread/refusal.c), never as a reader that crashed or was slow; the worker lives on, and the
// next good form goes through.
//
// Rule: the upload itself is taken (its first bytes are right), so the fault shows in the status.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { crc32 } from 'node:zlib';

import { formBytes, startWorld } from '../lib/world.mjs';

let world;
before(async () => (world = await startWorld({ workers: 1 })));
after(() => world?.stop());

async function outcome(bytes) {
    const { status, body } = await world.as('admissions').upload(bytes);
    assert.equal(status, 202, JSON.stringify(body));
    return world.form('admissions', body.formId);
}

const cut = (file, bytes) => formBytes(file).subarray(0, bytes);

// A PNG header that claims 60000 x 60000 pixels.
function bomb() {
    const png = Buffer.from(formBytes('en-below-unwell.png'));
    png.writeUInt32BE(60_000, 16);
    png.writeUInt32BE(60_000, 20);
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29); // or it would be refused for its checksum
    return png;
}

const lockedPdf = () =>
    Buffer.from(
        formBytes('en-table-diabetes.pdf')
            .toString('latin1')
            .replace(/trailer\s*<</, (m) => `${m} /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <${'00'.repeat(32)}> /U <${'00'.repeat(32)}> >> `),
        'latin1',
    );

for (const [what, bytes, code] of [
    ['a PNG cut off', () => cut('en-below-unwell.png', 9000), 'damaged'],
    ['a TIFF cut off', () => cut('es-table-vitals.tif', 3000), 'damaged'],
    ['a PDF without its end', () => cut('en-two-pages-unwell.pdf', 1500), 'damaged'],
    ['a PNG of 3.6 gigapixels', bomb, 'too-many-pixels'],
    ['a PDF with a password', lockedPdf, 'password-protected'],
])
    test(`${what} ends as FAILED: ${code}`, async () => {
        const result = await outcome(bytes());
        assert.deepEqual([result.status, result.error], ['FAILED', code], JSON.stringify(result));
        assert.equal(result.patientId ?? null, null);
    });

test('after all of them a good form is read', async () => {
    const { body } = await world.as('admissions').upload(formBytes('en-table-vaccines.jpg'));
    const form = await world.form('admissions', body.formId);
    assert.ok(['PROCESSED', 'REVIEW'].includes(form.status), JSON.stringify(form));
    // A form that waits for review has its patient once somebody confirmed it.
    if (form.status === 'PROCESSED') assert.ok(form.patientId);
});
