// What the API answers, as SPEC sections 5, 6, 9 and 13 and api/openapi.yaml have it.
//
// Rule: names are the API's own; nothing here is computed.
export type Role = 'DOCTOR' | 'ADMIN' | 'ADMISSIONS' | 'CORPORATE_ADMIN';
export type Urgency = 'LOW' | 'MODERATE' | 'URGENT' | 'CRITICAL';
export type AlertStatus = 'PENDING' | 'DELIVERED' | 'ACKNOWLEDGED' | 'ESCALATED' | 'CLOSED';
export type PatientStatus = 'WAITING' | 'BEING_ATTENDED' | 'DISCHARGED';
export type FormStatus = 'QUEUED' | 'OCR' | 'SCRUBBING' | 'PROCESSED' | 'REVIEW' | 'CONFIRMED' | 'FAILED';

export const URGENCIES: readonly Urgency[] = ['CRITICAL', 'URGENT', 'MODERATE', 'LOW'];

export interface Me {
    id: string;
    clinicId: string;
    clinicName: string;
    timezone: string;
    language: string;
    role: Role;
    fullName: string;
    onDuty: { tier: number; endsAt: string } | null;
}

export interface List<T> {
    items: T[];
    nextCursor: string | null;
}

export interface Delivery {
    channel: string;
    attempt: number;
    status: string;
    at: string;
    error?: string;
}

export interface Alert {
    id: string;
    patientId: string;
    patientName: string | null;
    assignedTo: string | null;
    urgencyLevel: Urgency;
    roomNumber: string | null;
    reason: string | null;
    status: AlertStatus;
    acknowledgedAt: string | null;
    acknowledgedBy: string | null;
    escalatedAt: string | null;
    createdAt: string;
    intakeFormId?: string;
    deliveries: Delivery[];
}

export interface TimelineItem {
    event: string;
    at: string;
    userName?: string;
    step?: number;
    channel?: string;
}

export interface Patient {
    id: string;
    fullName: string | null;
    dateOfBirth: string | null;
    insuranceId: string | null;
    status: PatientStatus;
    arrivedAt: string;
    attendedAt: string | null;
    dischargedAt: string | null;
    urgencyLevel?: Urgency;
    openAlertId?: string;
}

export interface FormState {
    formId: string;
    status: FormStatus;
    progress: number;
    isEmergency?: boolean;
    emergencyScore?: number;
    urgencyLevel?: Urgency;
    requiresReview?: boolean;
    ocrConfidence?: number;
    panDetected?: boolean;
    panRedacted?: boolean;
    patientId?: string;
    alertId?: string;
    error?: string;
    duplicateOf?: string;
    processedAt?: string;
}

export type Box = [number, number, number, number];

export const FIELDS = [
    'fullName',
    'dateOfBirth',
    'phone',
    'chiefComplaint',
    'insuranceId',
    'insuranceProvider',
    'allergies',
    'medications',
    'heartRate',
    'respiratoryRate',
    'systolicBp',
    'diastolicBp',
    'temperatureC',
    'spo2',
    'consciousness',
    'painScore',
] as const;
export type FieldKey = (typeof FIELDS)[number];

export interface FieldValue {
    value: string | number | null;
    confidence: number;
    page?: number;
    box?: Box;
    learned?: boolean; // found by its place in a learned layout
}

export interface Reason {
    rule: string;
    points: number;
    counted: boolean;
    source: string;
    field: string;
    box: Box | null;
}

export interface Parsed {
    language: 'es' | 'en';
    fields: Record<FieldKey, FieldValue>;
    symptoms: { concept: string; checked: boolean | null }[];
    triage: { score: number; ruleset: { version: string }; reasons: Reason[]; missing: string[] };
    reviewWhy: string[];
}

export interface Form extends FormState {
    createdAt: string;
    roomNumber: string | null;
    pages: number | null;
    lockedBy: string | null;
    lockedUntil: string | null;
    layout: Layout | null;
    parsed: Parsed | null;
}

// Where a clinic's forms of one kind have their labels and values.
export interface Layout {
    id: string;
    anchors: number;
    fields: string[];
    confirmedForms: number;
    learnedAt: string;
    lastUsedAt: string;
}

export interface QueueItem extends FormState {
    createdAt: string;
    lockedBy: string | null;
    lockedUntil: string | null;
}

export interface Flow {
    counts: Record<PatientStatus, number>;
    today: { arrived: number; discharged: number };
    waitMinutes: { median: number | null; p90: number | null };
    activeAlerts: Record<Urgency, number>;
    asOf: string;
}

export interface AuditEvent {
    id: number;
    clinicId: string;
    actorUserId: string | null; // null: the system
    actorRole: string | null;
    action: string;
    targetTable: string | null;
    targetId: string | null;
    ipAddress: string | null;
    outcome: 'SUCCESS' | 'FAILURE' | 'DENIED' | null;
    occurredAt: string | null;
    loggedAt: string;
}

export interface FailedJob {
    id: string;
    code: string;
    reason: string;
    attemptsMade: number;
    createdAt: string | null;
    failedAt: string | null;
    formId: string | null;
    alertId: string | null;
}

export interface WorkQueue {
    name: string;
    paused: boolean;
    atLeast: boolean;
    counts: Record<'waiting' | 'active' | 'delayed' | 'prioritized' | 'completed' | 'failed', number>;
    failed: FailedJob[];
}

export const CELLS = [
    'waiting',
    'beingAttended',
    'discharged',
    'arrivedToday',
    'alertsCritical',
    'alertsUrgent',
    'alertsModerate',
    'alertsLow',
    'formsProcessed',
    'formsReviewed',
    'formsEmergencies',
] as const;
export type Cells = Record<(typeof CELLS)[number], number | null>;

export interface Aggregate {
    clinics: (Cells & { clinicId: string; name: string; country: string; isActive: boolean })[];
    totals: Cells;
    suppressedBelow: number;
}

export interface Shift {
    userId: string;
    fullName: string;
    tier: number;
}
