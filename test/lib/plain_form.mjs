// A typed form in English that is read in half a second, for tests that are about what comes after
// the reading.
//
//   plainForm()                                   // good: no review, no emergency, no card
//   plainForm({ chiefComplaint: 'chest pain' })   // PLAIN's values, with others in their place
// Rule: no value here is a card number, so that its page needs no second reading.
import { pdfPage } from './bad_files.mjs';

export const PLAIN = {
    fullName: 'Nora Samplewood',
    dateOfBirth: '03/14/1968',
    insuranceId: 'QX7741902',
    phone: '(555) 555-0142',
    chiefComplaint: 'ear ache and ringing ears since yesterday',
    heartRate: '76',
    temperature: '98.4 F',
};

const LABELS = {
    fullName: 'Full Name',
    dateOfBirth: 'Date of Birth',
    insuranceId: 'Insurance ID',
    phone: 'Phone',
    chiefComplaint: 'Reason for visit',
    heartRate: 'Heart Rate',
    temperature: 'Temperature',
};

export function plainForm(values = {}) {
    const all = { ...PLAIN, ...values };
    const lines = Object.entries(LABELS).map(([key, label], i) => [60, 110 + 30 * i, 12, `${label}: ${all[key]}`]);
    return pdfPage([[60, 60, 16, 'Patient Intake Form'], ...lines]);
}
