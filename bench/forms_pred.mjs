// stdin: lines of `nexacore read`; stdout: the same forms in the words of test/data/forms/score.mjs.
import { createInterface } from 'node:readline';

const steps = { decode: 0, ocr: 0, extract: 0, scrub: 0, triage: 0 };
let pages = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const form = JSON.parse(line);
  const id = form.file.split('/').pop().replace(/\.[^.]+$/, '');
  if (form.error) {
    console.log(JSON.stringify({ id }));
    continue;
  }
  const value = key => form.fields[key]?.value ?? null;
  pages += form.pages;
  for (const step in steps) steps[step] += form.ms[step];
  console.log(JSON.stringify({
    id,
    language: form.language,
    fields: {
      full_name: value('fullName'), date_of_birth: value('dateOfBirth'),
      insurance_id: value('insuranceId'), national_id: form.nationalId?.value,
      phone: value('phone'), chief_complaint: value('chiefComplaint'),
    },
    vitals: {
      hr: value('heartRate'), bp_sys: value('systolicBp'), bp_dia: value('diastolicBp'),
      rr: value('respiratoryRate'), spo2: value('spo2'), temp_c: value('temperatureC'),
      consciousness: value('consciousness'),
    },
    symptoms: form.symptoms.filter(s => s.checked).map(s => s.concept),
    is_emergency: form.isEmergency, emergency_score: form.emergencyScore,
    ocr_confidence: form.ocrConfidence, requires_review: form.requiresReview,
    pan_detected: form.panDetected, redactions: form.redactions, text: form.text,
    ms: Object.values(form.ms).reduce((a, b) => a + b, 0) / form.pages,
  }));
}
const each = Object.entries(steps).map(([step, ms]) => `${step} ${(ms / pages).toFixed(0)}`);
console.error(`ms per page (${pages} pages): ${each.join(', ')}`);
