/* The words of labels, folded (lower case, no accents, no spaces). Longer patterns win.
 *
 * To teach the reader a new wording, add a line; nothing else changes. */
#ifndef NEXACORE_FORMREAD_LABELS_TABLE_H
#define NEXACORE_FORMREAD_LABELS_TABLE_H

#include "formread/labels.h"

static const char *const symptom_names[] = {
    "chest_pain",  "short_breath",   "stroke_signs", "loss_conscious", "severe_bleeding",
    "throat_swelling", "suicidal",   "fever",        "cough",          "headache",
    "nausea",      "abdominal_pain", "dizziness",    "rash",           "back_pain",
    "sore_throat", "fatigue",        "joint_pain",   "diarrhea",       "palpitations",
};
enum {
    S_CHEST_PAIN = LABEL_SYMPTOM, S_SHORT_BREATH, S_STROKE, S_FAINT, S_BLEEDING, S_THROAT_SWELLING,
    S_SUICIDAL, S_FEVER, S_COUGH, S_HEADACHE, S_NAUSEA, S_ABDOMINAL, S_DIZZINESS, S_RASH,
    S_BACK_PAIN, S_SORE_THROAT, S_FATIGUE, S_JOINT_PAIN, S_DIARRHEA, S_PALPITATIONS
};

struct label_pattern {
    const char *folded;
    int means;
    enum language language;
    bool heading;
};

#define ES LANGUAGE_ES
#define EN LANGUAGE_EN

/* clang-format off */
static const struct label_pattern label_patterns[] = {
    /* person */
    {"patientname", FIELD_FULL_NAME, EN}, {"fullname", FIELD_FULL_NAME, EN},
    {"nameofpatient", FIELD_FULL_NAME, EN}, {"patientsname", FIELD_FULL_NAME, EN},
    {"patientfullname", FIELD_FULL_NAME, EN}, {"name", FIELD_FULL_NAME, EN},
    {"printname", FIELD_FULL_NAME, EN}, {"legalname", FIELD_FULL_NAME, EN},
    {"firstandlastname", FIELD_FULL_NAME, EN}, {"namefirstlast", FIELD_FULL_NAME, EN},
    {"nombrecompleto", FIELD_FULL_NAME, ES}, {"nombresyapellidos", FIELD_FULL_NAME, ES},
    {"nombreyapellidos", FIELD_FULL_NAME, ES}, {"nombreyapellido", FIELD_FULL_NAME, ES},
    {"nombre", FIELD_FULL_NAME, ES}, {"nombres", FIELD_FULL_NAME, ES},
    {"nombredelpaciente", FIELD_FULL_NAME, ES}, {"nombrepaciente", FIELD_FULL_NAME, ES},
    {"paciente", FIELD_FULL_NAME, ES}, {"apellidosynombres", FIELD_FULL_NAME, ES},
    {"dateofbirth", FIELD_DATE_OF_BIRTH, EN}, {"dob", FIELD_DATE_OF_BIRTH, EN},
    {"birthdate", FIELD_DATE_OF_BIRTH, EN}, {"birthday", FIELD_DATE_OF_BIRTH, EN},
    {"patientdob", FIELD_DATE_OF_BIRTH, EN}, {"born", FIELD_DATE_OF_BIRTH, EN},
    {"fechadenacimiento", FIELD_DATE_OF_BIRTH, ES}, {"fdenacimiento", FIELD_DATE_OF_BIRTH, ES},
    {"fechanacimiento", FIELD_DATE_OF_BIRTH, ES}, {"nacimiento", FIELD_DATE_OF_BIRTH, ES},
    {"fechanac", FIELD_DATE_OF_BIRTH, ES}, {"fecnac", FIELD_DATE_OF_BIRTH, ES},
    {"fnac", FIELD_DATE_OF_BIRTH, ES}, {"fnacimiento", FIELD_DATE_OF_BIRTH, ES},
    {"fechadenac", FIELD_DATE_OF_BIRTH, ES},
    {"ssn", FIELD_NATIONAL_ID, EN}, {"socialsecurityno", FIELD_NATIONAL_ID, EN},
    {"socialsecuritynumber", FIELD_NATIONAL_ID, EN}, {"socialsecurity", FIELD_NATIONAL_ID, EN},
    {"patientssn", FIELD_NATIONAL_ID, EN}, {"socsecno", FIELD_NATIONAL_ID, EN},
    {"ssnumber", FIELD_NATIONAL_ID, EN}, {"ssno", FIELD_NATIONAL_ID, EN},
    {"ceduladeciudadania", FIELD_NATIONAL_ID, ES}, {"cedula", FIELD_NATIONAL_ID, ES},
    {"ccno", FIELD_NATIONAL_ID, ES}, {"cc", FIELD_NATIONAL_ID, ES},
    {"nodecedula", FIELD_NATIONAL_ID, ES}, {"numerodecedula", FIELD_NATIONAL_ID, ES},
    {"documentodeidentidad", FIELD_NATIONAL_ID, ES}, {"documento", FIELD_NATIONAL_ID, ES},
    {"identificacion", FIELD_NATIONAL_ID, ES}, {"nodedocumento", FIELD_NATIONAL_ID, ES},
    {"numerodedocumento", FIELD_NATIONAL_ID, ES}, {"nodeidentificacion", FIELD_NATIONAL_ID, ES},
    {"ceduladeidentidad", FIELD_NATIONAL_ID, ES}, {"dni", FIELD_NATIONAL_ID, ES},
    {"numerodeidentificacion", FIELD_NATIONAL_ID, ES}, {"doc", FIELD_NATIONAL_ID, ES},
    {"phone", FIELD_PHONE, EN}, {"homecellphone", FIELD_PHONE, EN}, {"cellphone", FIELD_PHONE, EN},
    {"homephone", FIELD_PHONE, EN}, {"phonenumber", FIELD_PHONE, EN}, {"mobile", FIELD_PHONE, EN},
    {"telephone", FIELD_PHONE, EN}, {"tel", FIELD_PHONE, EN}, {"contactphone", FIELD_PHONE, EN},
    {"mobilephone", FIELD_PHONE, EN}, {"cell", FIELD_PHONE, EN}, {"phoneno", FIELD_PHONE, EN},
    {"daytimephone", FIELD_PHONE, EN}, {"contactnumber", FIELD_PHONE, EN},
    {"telefono", FIELD_PHONE, ES}, {"celular", FIELD_PHONE, ES}, {"movil", FIELD_PHONE, ES},
    {"telefonocelular", FIELD_PHONE, ES}, {"telefonodecontacto", FIELD_PHONE, ES},
    {"telefonomovil", FIELD_PHONE, ES}, {"numerodetelefono", FIELD_PHONE, ES},
    {"insuranceid", FIELD_INSURANCE_ID, EN}, {"memberid", FIELD_INSURANCE_ID, EN},
    {"policynumber", FIELD_INSURANCE_ID, EN}, {"policyno", FIELD_INSURANCE_ID, EN},
    {"insuranceidno", FIELD_INSURANCE_ID, EN}, {"insurancenumber", FIELD_INSURANCE_ID, EN},
    {"membernumber", FIELD_INSURANCE_ID, EN}, {"subscriberid", FIELD_INSURANCE_ID, EN},
    {"memberidno", FIELD_INSURANCE_ID, EN}, {"insurancepolicyno", FIELD_INSURANCE_ID, EN},
    {"idnumber", FIELD_INSURANCE_ID, EN}, {"planid", FIELD_INSURANCE_ID, EN},
    {"polizano", FIELD_INSURANCE_ID, ES}, {"poliza", FIELD_INSURANCE_ID, ES},
    {"nodeafiliacion", FIELD_INSURANCE_ID, ES}, {"numerodeafiliacion", FIELD_INSURANCE_ID, ES},
    {"nodepoliza", FIELD_INSURANCE_ID, ES}, {"numerodepoliza", FIELD_INSURANCE_ID, ES},
    {"afiliacionno", FIELD_INSURANCE_ID, ES}, {"afiliacion", FIELD_INSURANCE_ID, ES},
    {"carnetno", FIELD_INSURANCE_ID, ES}, {"nodecarnet", FIELD_INSURANCE_ID, ES},
    {"nodeafiliado", FIELD_INSURANCE_ID, ES}, {"iddeafiliado", FIELD_INSURANCE_ID, ES},
    {"insurancecompany", FIELD_INSURANCE_PROVIDER, EN}, {"insurer", FIELD_INSURANCE_PROVIDER, EN},
    {"insuranceprovider", FIELD_INSURANCE_PROVIDER, EN}, {"insurancecarrier", FIELD_INSURANCE_PROVIDER, EN},
    {"insuranceplan", FIELD_INSURANCE_PROVIDER, EN}, {"healthplan", FIELD_INSURANCE_PROVIDER, EN},
    {"primaryinsurance", FIELD_INSURANCE_PROVIDER, EN}, {"carrier", FIELD_INSURANCE_PROVIDER, EN},
    {"epsaseguradora", FIELD_INSURANCE_PROVIDER, ES}, {"aseguradora", FIELD_INSURANCE_PROVIDER, ES},
    {"eps", FIELD_INSURANCE_PROVIDER, ES}, {"entidad", FIELD_INSURANCE_PROVIDER, ES},
    {"entidadaseguradora", FIELD_INSURANCE_PROVIDER, ES}, {"seguromedico", FIELD_INSURANCE_PROVIDER, ES},
    {"address", FIELD_ADDRESS, EN}, {"homeaddress", FIELD_ADDRESS, EN}, {"streetaddress", FIELD_ADDRESS, EN},
    {"direccion", FIELD_ADDRESS, ES}, {"domicilio", FIELD_ADDRESS, ES}, {"residencia", FIELD_ADDRESS, ES},
    {"sex", FIELD_SEX, EN}, {"gender", FIELD_SEX, EN}, {"sexo", FIELD_SEX, ES}, {"genero", FIELD_SEX, ES},
    /* text */
    {"chiefcomplaint", FIELD_CHIEF_COMPLAINT, EN, true}, {"reasonforvisit", FIELD_CHIEF_COMPLAINT, EN, true},
    {"reasonfortodaysvisit", FIELD_CHIEF_COMPLAINT, EN, true}, {"reasonforyourvisit", FIELD_CHIEF_COMPLAINT, EN, true},
    {"presentingcomplaint", FIELD_CHIEF_COMPLAINT, EN, true}, {"whatbringsyouintoday", FIELD_CHIEF_COMPLAINT, EN, true},
    {"maincomplaint", FIELD_CHIEF_COMPLAINT, EN, true}, {"reasonforconsultation", FIELD_CHIEF_COMPLAINT, EN, true},
    {"complaint", FIELD_CHIEF_COMPLAINT, EN, true}, {"whyareyouheretoday", FIELD_CHIEF_COMPLAINT, EN, true},
    {"motivodeconsulta", FIELD_CHIEF_COMPLAINT, ES, true}, {"motivodelaconsulta", FIELD_CHIEF_COMPLAINT, ES, true},
    {"motivo", FIELD_CHIEF_COMPLAINT, ES, true}, {"razondelaconsulta", FIELD_CHIEF_COMPLAINT, ES, true},
    {"motivodelavisita", FIELD_CHIEF_COMPLAINT, ES, true}, {"motivodevisita", FIELD_CHIEF_COMPLAINT, ES, true},
    {"allergies", FIELD_ALLERGIES, EN}, {"knownallergies", FIELD_ALLERGIES, EN}, {"drugallergies", FIELD_ALLERGIES, EN},
    {"alergias", FIELD_ALLERGIES, ES}, {"alergiasconocidas", FIELD_ALLERGIES, ES},
    {"medications", FIELD_MEDICATIONS, EN}, {"currentmedications", FIELD_MEDICATIONS, EN},
    {"medicamentos", FIELD_MEDICATIONS, ES}, {"medicamentosactuales", FIELD_MEDICATIONS, ES},
    {"medicacionactual", FIELD_MEDICATIONS, ES}, {"medicacion", FIELD_MEDICATIONS, ES},
    /* vitals */
    {"bp", FIELD_BLOOD_PRESSURE, EN}, {"bloodpressure", FIELD_BLOOD_PRESSURE, EN}, {"bpmmhg", FIELD_BLOOD_PRESSURE, EN},
    {"ta", FIELD_BLOOD_PRESSURE, ES}, {"pa", FIELD_BLOOD_PRESSURE, ES}, {"tensionarterial", FIELD_BLOOD_PRESSURE, ES},
    {"presionarterial", FIELD_BLOOD_PRESSURE, ES}, {"tammhg", FIELD_BLOOD_PRESSURE, ES}, {"presion", FIELD_BLOOD_PRESSURE, ES},
    {"pulse", FIELD_HEART_RATE, EN}, {"hr", FIELD_HEART_RATE, EN}, {"heartrate", FIELD_HEART_RATE, EN}, {"pulserate", FIELD_HEART_RATE, EN},
    {"pulsebpm", FIELD_HEART_RATE, EN}, {"hrbpm", FIELD_HEART_RATE, EN},
    {"fc", FIELD_HEART_RATE, ES}, {"pulso", FIELD_HEART_RATE, ES}, {"frecuenciacardiaca", FIELD_HEART_RATE, ES}, {"freccardiaca", FIELD_HEART_RATE, ES},
    {"fclpm", FIELD_HEART_RATE, ES}, {"fcxmin", FIELD_HEART_RATE, ES},
    {"resp", FIELD_RESPIRATORY_RATE, EN}, {"rr", FIELD_RESPIRATORY_RATE, EN}, {"resprate", FIELD_RESPIRATORY_RATE, EN},
    {"respiratoryrate", FIELD_RESPIRATORY_RATE, EN}, {"respirations", FIELD_RESPIRATORY_RATE, EN},
    {"fr", FIELD_RESPIRATORY_RATE, ES}, {"frecuenciarespiratoria", FIELD_RESPIRATORY_RATE, ES}, {"frecrespiratoria", FIELD_RESPIRATORY_RATE, ES},
    {"frrpm", FIELD_RESPIRATORY_RATE, ES}, {"frxmin", FIELD_RESPIRATORY_RATE, ES},
    {"spo2", FIELD_SPO2, EN}, {"spoz", FIELD_SPO2, EN}, {"sp02", FIELD_SPO2, EN}, {"spo", FIELD_SPO2, EN}, {"o2sat", FIELD_SPO2, EN},
    {"oxygensaturation", FIELD_SPO2, EN}, {"o2saturation", FIELD_SPO2, EN}, {"oxygen", FIELD_SPO2, EN}, {"sao2", FIELD_SPO2, EN},
    {"sato2", FIELD_SPO2, ES}, {"saturacion", FIELD_SPO2, ES}, {"saturaciondeoxigeno", FIELD_SPO2, ES}, {"sat02", FIELD_SPO2, ES},
    {"sato", FIELD_SPO2, ES}, {"satdeo2", FIELD_SPO2, ES}, {"saturaciono2", FIELD_SPO2, ES}, {"satol", FIELD_SPO2, ES}, {"satoz", FIELD_SPO2, ES},
    {"temp", FIELD_TEMPERATURE, EN}, {"temperature", FIELD_TEMPERATURE, EN}, {"tempf", FIELD_TEMPERATURE, EN}, {"tempc", FIELD_TEMPERATURE, ES},
    {"temperatura", FIELD_TEMPERATURE, ES},
    {"consciousness", FIELD_CONSCIOUSNESS, EN}, {"avpu", FIELD_CONSCIOUSNESS, EN}, {"acvpu", FIELD_CONSCIOUSNESS, EN},
    {"levelofconsciousness", FIELD_CONSCIOUSNESS, EN}, {"loc", FIELD_CONSCIOUSNESS, EN}, {"mentalstatus", FIELD_CONSCIOUSNESS, EN},
    {"conciencia", FIELD_CONSCIOUSNESS, ES}, {"consciencia", FIELD_CONSCIOUSNESS, ES}, {"estadodeconciencia", FIELD_CONSCIOUSNESS, ES},
    {"niveldeconciencia", FIELD_CONSCIOUSNESS, ES},
    {"painscore", FIELD_PAIN, EN}, {"painscale", FIELD_PAIN, EN}, {"painlevel", FIELD_PAIN, EN}, {"pain010", FIELD_PAIN, EN},
    {"escaladedolor", FIELD_PAIN, ES}, {"dolor010", FIELD_PAIN, ES}, {"niveldedolor", FIELD_PAIN, ES},
    /* card */
    {"cardnumber", FIELD_CARD_NUMBER, EN}, {"creditcard", FIELD_CARD_NUMBER, EN}, {"creditcardno", FIELD_CARD_NUMBER, EN},
    {"creditcardnumber", FIELD_CARD_NUMBER, EN}, {"cardno", FIELD_CARD_NUMBER, EN}, {"debitcard", FIELD_CARD_NUMBER, EN},
    {"accountnumber", FIELD_CARD_NUMBER, EN}, 
    {"tarjetano", FIELD_CARD_NUMBER, ES}, {"numerodetarjeta", FIELD_CARD_NUMBER, ES}, {"nodetarjeta", FIELD_CARD_NUMBER, ES},
    {"tarjetadecredito", FIELD_CARD_NUMBER, ES}, {"numerotarjeta", FIELD_CARD_NUMBER, ES},
    {"expdate", FIELD_CARD_EXPIRY, EN}, {"expirationdate", FIELD_CARD_EXPIRY, EN}, {"expires", FIELD_CARD_EXPIRY, EN}, {"exp", FIELD_CARD_EXPIRY, EN},
    {"expiration", FIELD_CARD_EXPIRY, EN}, {"validthru", FIELD_CARD_EXPIRY, EN}, {"expirydate", FIELD_CARD_EXPIRY, EN},
    {"vence", FIELD_CARD_EXPIRY, ES}, {"vencimiento", FIELD_CARD_EXPIRY, ES}, {"fechadevencimiento", FIELD_CARD_EXPIRY, ES}, {"validahasta", FIELD_CARD_EXPIRY, ES},
    {"cvv", FIELD_CARD_CVV, EN}, {"cvc", FIELD_CARD_CVV, EN}, {"cvv2", FIELD_CARD_CVV, EN}, {"securitycode", FIELD_CARD_CVV, EN}, {"ccvv", FIELD_CARD_CVV, EN},
    {"codigodeseguridad", FIELD_CARD_CVV, ES}, {"codseguridad", FIELD_CARD_CVV, ES},
    {"nameoncard", FIELD_CARD_HOLDER, EN}, {"cardholder", FIELD_CARD_HOLDER, EN}, {"cardholdername", FIELD_CARD_HOLDER, EN},
    {"titular", FIELD_CARD_HOLDER, ES}, {"titulardelatarjeta", FIELD_CARD_HOLDER, ES}, {"nombreenlatarjeta", FIELD_CARD_HOLDER, ES}, {"nombredeltitular", FIELD_CARD_HOLDER, ES},
    /* symptoms */
    {"chestpain", S_CHEST_PAIN, EN}, {"chestpressure", S_CHEST_PAIN, EN}, {"dolorenelpecho", S_CHEST_PAIN, ES}, {"dolordepecho", S_CHEST_PAIN, ES}, {"dolortoracico", S_CHEST_PAIN, ES},
    {"shortnessofbreath", S_SHORT_BREATH, EN}, {"difficultybreathing", S_SHORT_BREATH, EN}, {"troublebreathing", S_SHORT_BREATH, EN},
    {"dificultadpararespirar", S_SHORT_BREATH, ES}, {"faltadeaire", S_SHORT_BREATH, ES},
    {"facedrooparmweakness", S_STROKE, EN}, {"facialdroop", S_STROKE, EN}, {"weaknessononeside", S_STROKE, EN}, {"facedroop", S_STROKE, EN}, {"onesidedweakness", S_STROKE, EN}, {"slurredspeech", S_STROKE, EN},
    {"debilidaddeunlado", S_STROKE, ES}, {"debilidadenunlado", S_STROKE, ES}, {"caracaida", S_STROKE, ES}, {"debilidaddeunladodelcuerpo", S_STROKE, ES},
    {"faintingpassedout", S_FAINT, EN}, {"fainting", S_FAINT, EN}, {"passedout", S_FAINT, EN}, {"lossofconsciousness", S_FAINT, EN},
    {"desmayo", S_FAINT, ES}, {"perdidadelconocimiento", S_FAINT, ES}, {"desmayos", S_FAINT, ES}, {"perdidadeconciencia", S_FAINT, ES},
    {"severebleeding", S_BLEEDING, EN}, {"heavybleeding", S_BLEEDING, EN}, {"uncontrolledbleeding", S_BLEEDING, EN},
    {"sangradoabundante", S_BLEEDING, ES}, {"hemorragia", S_BLEEDING, ES}, {"sangradosevero", S_BLEEDING, ES},
    {"throatswelling", S_THROAT_SWELLING, EN}, {"swollenthroat", S_THROAT_SWELLING, EN}, {"hinchazondegarganta", S_THROAT_SWELLING, ES}, {"hinchazondelagarganta", S_THROAT_SWELLING, ES},
    {"thoughtsofselfharm", S_SUICIDAL, EN}, {"suicidalthoughts", S_SUICIDAL, EN}, {"thoughtsofsuicide", S_SUICIDAL, EN},
    {"ideasdehacersedano", S_SUICIDAL, ES}, {"ideassuicidas", S_SUICIDAL, ES}, {"pensamientossuicidas", S_SUICIDAL, ES},
    {"fever", S_FEVER, EN}, {"fiebre", S_FEVER, ES}, {"cough", S_COUGH, EN}, {"tos", S_COUGH, ES},
    {"headache", S_HEADACHE, EN}, {"dolordecabeza", S_HEADACHE, ES}, {"nausea", S_NAUSEA, EN}, {"nauseavomiting", S_NAUSEA, EN}, {"nauseas", S_NAUSEA, ES}, {"nauseasovomito", S_NAUSEA, ES},
    {"abdominalpain", S_ABDOMINAL, EN}, {"stomachpain", S_ABDOMINAL, EN}, {"dolorabdominal", S_ABDOMINAL, ES}, {"dolordeestomago", S_ABDOMINAL, ES},
    {"dizziness", S_DIZZINESS, EN}, {"mareo", S_DIZZINESS, ES}, {"mareos", S_DIZZINESS, ES}, {"rash", S_RASH, EN}, {"skinrash", S_RASH, EN},
    {"broteenlapiel", S_RASH, ES}, {"erupcion", S_RASH, ES}, {"sarpullido", S_RASH, ES}, {"erupcionenlapiel", S_RASH, ES},
    {"backpain", S_BACK_PAIN, EN}, {"dolordeespalda", S_BACK_PAIN, ES}, {"sorethroat", S_SORE_THROAT, EN}, {"dolordegarganta", S_SORE_THROAT, ES},
    {"fatigue", S_FATIGUE, EN}, {"tiredness", S_FATIGUE, EN}, {"cansancio", S_FATIGUE, ES}, {"fatiga", S_FATIGUE, ES},
    {"jointpain", S_JOINT_PAIN, EN}, {"dolorarticular", S_JOINT_PAIN, ES}, {"dolorenlasarticulaciones", S_JOINT_PAIN, ES},
    {"diarrhea", S_DIARRHEA, EN}, {"diarrea", S_DIARRHEA, ES}, {"palpitations", S_PALPITATIONS, EN}, {"palpitaciones", S_PALPITATIONS, ES},
    /* headings and labels that end a value */
    {"patientinformation", LABEL_STOP, EN, true}, {"personalinformation", LABEL_STOP, EN, true}, {"datospersonales", LABEL_STOP, ES, true}, {"datosdelpaciente", LABEL_STOP, ES, true},
    {"insurance", LABEL_STOP, EN, true}, {"insuranceinformation", LABEL_STOP, EN, true}, {"aseguramiento", LABEL_STOP, ES, true}, {"datosdelseguro", LABEL_STOP, ES, true},
    {"vitalsigns", LABEL_STOP, EN, true}, {"vitals", LABEL_STOP, EN, true}, {"vitalsstaffuse", LABEL_STOP, EN, true}, {"signosvitales", LABEL_STOP, ES, true}, {"signosvitalesusointerno", LABEL_STOP, ES, true},
    {"paymentinformation", LABEL_STOP, EN, true}, {"payment", LABEL_STOP, EN, true}, {"creditcardonfile", LABEL_STOP, EN, true}, {"cardonfile", LABEL_STOP, EN, true},
    {"datosdepago", LABEL_STOP, ES, true}, {"pagocontarjeta", LABEL_STOP, ES, true}, {"formadepago", LABEL_STOP, ES, true},
    {"pleasecheckallsymptomsthatapply", LABEL_SYMPTOMS, EN, true}, {"checkallthatapply", LABEL_SYMPTOMS, EN, true}, {"symptoms", LABEL_SYMPTOMS, EN, true},
    {"marqueconunaxlossintomasquepresenta", LABEL_SYMPTOMS, ES, true}, {"sintomas", LABEL_SYMPTOMS, ES, true}, {"marquelossintomas", LABEL_SYMPTOMS, ES, true},
    {"circleallthatapply", LABEL_CIRCLE, EN, true}, {"encierreenuncirculo", LABEL_CIRCLE, ES, true},
    {"newpatientregistration", LABEL_STOP, EN, true}, {"patientintakeform", LABEL_STOP, EN, true}, {"registrodepacientenuevo", LABEL_STOP, ES, true}, {"formatodeingresodelpaciente", LABEL_STOP, ES, true},
    {"signature", LABEL_STOP, EN}, {"dateofvisit", LABEL_STOP, EN}, {"firma", LABEL_STOP, ES}, {"fecha", LABEL_STOP, ES}, {"date", LABEL_STOP, EN}, {"npi", LABEL_STOP, EN},
    {"emergencycontact", LABEL_STOP, EN}, {"contactodeemergencia", LABEL_STOP, ES}, {"email", LABEL_STOP, EN}, {"correo", LABEL_STOP, ES}, {"groupno", LABEL_STOP, EN}, {"groupnumber", LABEL_STOP, EN},
    {"city", LABEL_STOP, EN}, {"state", LABEL_STOP, EN}, {"zip", LABEL_STOP, EN}, {"ciudad", LABEL_STOP, ES}, {"age", LABEL_STOP, EN}, {"edad", LABEL_STOP, ES}, {"weight", LABEL_STOP, EN}, {"peso", LABEL_STOP, ES},
    {"icertifythattheaboveinformationiscorrectandauthorize", LABEL_STOP, EN, true}, {"icertifythat", LABEL_STOP, EN, true}, {"autorizoeltratamiento", LABEL_STOP, ES, true}, {"autorizo", LABEL_STOP, ES, true},
    {"yes", LABEL_YES, EN}, {"si", LABEL_YES, ES}, {"no", LABEL_NO, ES},
    {"cashcheck", LABEL_OPTION, EN}, {"card", LABEL_OPTION, EN}, {"efectivo", LABEL_OPTION, ES}, {"tarjeta", LABEL_OPTION, ES},
};
/* clang-format on */

#undef ES
#undef EN

#endif
