/* Words that tell what kind of number stands near them, in Spanish and English.
 *
 * The rule not to break: lower case, without accents, sorted (a test holds it): looked up by
 * halving. A word is here because forms and notes write it beside numbers, never for one line. */
#include "pan/pan_int.h"

// clang-format off
static const struct {
    const char *word;
    enum word_kind kind;
} words[] = {
    {"aba", WORD_OTHER}, {"accession", WORD_OTHER}, {"account", WORD_OTHER}, {"acct", WORD_OTHER},
    {"acta", WORD_OTHER}, {"admision", WORD_OTHER}, {"admission", WORD_OTHER},
    {"afiliacion", WORD_ISSUED}, {"afiliada", WORD_ISSUED}, {"afiliado", WORD_ISSUED},
    {"ahorros", WORD_OTHER}, {"albaran", WORD_OTHER}, {"amex", WORD_BRAND}, {"amount", WORD_OTHER},
    {"appointment", WORD_QUALIFY}, {"approval", WORD_OTHER}, {"aprobacion", WORD_OTHER},
    {"are", WORD_BETWEEN}, {"arl", WORD_OTHER}, {"asegurado", WORD_ISSUED},
    {"aseguradora", WORD_ISSUED}, {"asin", WORD_OTHER}, {"auth", WORD_OTHER},
    {"authorisation", WORD_OTHER}, {"authorization", WORD_OTHER}, {"autorizacion", WORD_OTHER},
    {"awb", WORD_OTHER}, {"barcode", WORD_OTHER}, {"barras", WORD_OTHER}, {"batch", WORD_OTHER},
    {"batchno", WORD_OTHER}, {"beneficiario", WORD_ISSUED}, {"beneficiary", WORD_ISSUED},
    {"biblioteca", WORD_QUALIFY}, {"bic", WORD_OTHER}, {"bienestar", WORD_QUALIFY},
    {"billing", WORD_PAY}, {"bitacora", WORD_OTHER}, {"boarding", WORD_QUALIFY},
    {"business", WORD_QUALIFY}, {"caduca", WORD_AFTER}, {"caducidad", WORD_AFTER},
    {"card", WORD_CARD}, {"cardholder", WORD_CARD}, {"cardno", WORD_CARD}, {"cardnr", WORD_CARD},
    {"cardnum", WORD_CARD}, {"cardnumber", WORD_CARD}, {"cardpan", WORD_CARD}, {"cards", WORD_CARD},
    {"cargar", WORD_PAY}, {"cargo", WORD_PAY}, {"cargue", WORD_PAY}, {"carne", WORD_ISSUED},
    {"carnet", WORD_ISSUED}, {"carpeta", WORD_OTHER}, {"carte", WORD_CARD}, {"case", WORD_OTHER},
    {"caso", WORD_OTHER}, {"cav", WORD_CODE}, {"cbu", WORD_OTHER}, {"cc", WORD_PAY},
    {"cci", WORD_OTHER}, {"ccid", WORD_AFTER}, {"ccnum", WORD_CARD}, {"ccnumber", WORD_CARD},
    {"ccv", WORD_CODE}, {"cedula", WORD_ISSUED}, {"cel", WORD_PHONE}, {"cels", WORD_PHONE},
    {"celular", WORD_PHONE}, {"celulares", WORD_PHONE}, {"certificacion", WORD_OTHER},
    {"certificado", WORD_OTHER}, {"certificate", WORD_OTHER}, {"charge", WORD_PAY},
    {"charged", WORD_PAY}, {"charging", WORD_PAY}, {"chart", WORD_OTHER}, {"chasis", WORD_OTHER},
    {"checksum", WORD_OTHER}, {"cheque", WORD_OTHER}, {"chip", WORD_OTHER}, {"cid", WORD_AFTER},
    {"citas", WORD_QUALIFY}, {"ciudadania", WORD_QUALIFY}, {"clabe", WORD_OTHER},
    {"claim", WORD_OTHER}, {"claims", WORD_OTHER}, {"cliente", WORD_QUALIFY}, {"cnpj", WORD_OTHER},
    {"cobra", WORD_PAY}, {"cobrame", WORD_PAY}, {"cobran", WORD_PAY}, {"cobrar", WORD_PAY},
    {"cobrarle", WORD_PAY}, {"cobrarme", WORD_PAY}, {"cobre", WORD_PAY}, {"cobren", WORD_PAY},
    {"cobro", WORD_PAY}, {"cobros", WORD_PAY}, {"code", WORD_BETWEEN}, {"codigo", WORD_BETWEEN},
    {"colegiado", WORD_OTHER}, {"comprobante", WORD_OTHER}, {"comprobantes", WORD_OTHER},
    {"consecutivo", WORD_OTHER}, {"consignacion", WORD_OTHER}, {"consignar", WORD_OTHER},
    {"contacto", WORD_PHONE}, {"container", WORD_OTHER}, {"contract", WORD_OTHER},
    {"contrato", WORD_OTHER}, {"convenio", WORD_OTHER}, {"coordenadas", WORD_OTHER},
    {"coordinadora", WORD_OTHER}, {"copago", WORD_PAY}, {"copay", WORD_PAY},
    {"correos", WORD_OTHER}, {"corriente", WORD_OTHER}, {"courier", WORD_OTHER},
    {"cpf", WORD_OTHER}, {"credencial", WORD_QUALIFY}, {"credit", WORD_CREDIT},
    {"creditcard", WORD_CARD}, {"credito", WORD_CREDIT}, {"csc", WORD_CODE}, {"cta", WORD_OTHER},
    {"cude", WORD_OTHER}, {"cuenta", WORD_OTHER}, {"cufe", WORD_OTHER}, {"cui", WORD_OTHER},
    {"cuil", WORD_OTHER}, {"cuit", WORD_OTHER}, {"cum", WORD_OTHER}, {"cups", WORD_OTHER},
    {"curp", WORD_OTHER}, {"cvc", WORD_CODE}, {"cvn", WORD_CODE}, {"cvu", WORD_OTHER},
    {"cvv", WORD_CODE}, {"datafono", WORD_PAY}, {"date", WORD_BETWEEN}, {"daviplata", WORD_OTHER},
    {"de", WORD_BETWEEN}, {"dea", WORD_OTHER}, {"debit", WORD_CREDIT}, {"debitar", WORD_PAY},
    {"debitcard", WORD_CARD}, {"debite", WORD_PAY}, {"debiten", WORD_PAY}, {"debito", WORD_CREDIT},
    {"del", WORD_BETWEEN}, {"denuncia", WORD_OTHER}, {"deprisa", WORD_OTHER},
    {"descuento", WORD_QUALIFY}, {"despacho", WORD_OTHER}, {"device", WORD_OTHER},
    {"dhl", WORD_OTHER}, {"dicom", WORD_OTHER}, {"diners", WORD_BRAND}, {"discover", WORD_PAY},
    {"dni", WORD_OTHER}, {"document", WORD_OTHER}, {"documento", WORD_OTHER},
    {"documentos", WORD_OTHER}, {"dpi", WORD_OTHER}, {"dui", WORD_OTHER}, {"ean", WORD_OTHER},
    {"ein", WORD_OTHER}, {"el", WORD_BETWEEN}, {"elector", WORD_ISSUED}, {"electron", WORD_PAY},
    {"electronica", WORD_BETWEEN}, {"electronico", WORD_BETWEEN}, {"embarque", WORD_QUALIFY},
    {"encounter", WORD_OTHER}, {"encuesta", WORD_OTHER}, {"envio", WORD_OTHER},
    {"episodio", WORD_OTHER}, {"epoch", WORD_OTHER}, {"eps", WORD_ISSUED}, {"epss", WORD_ISSUED},
    {"es", WORD_BETWEEN}, {"esn", WORD_OTHER}, {"especimen", WORD_OTHER}, {"estafeta", WORD_OTHER},
    {"estudiante", WORD_QUALIFY}, {"exp", WORD_AFTER}, {"expdate", WORD_AFTER},
    {"expediente", WORD_OTHER}, {"expedientes", WORD_OTHER}, {"expira", WORD_AFTER},
    {"expiracion", WORD_AFTER}, {"expiration", WORD_AFTER}, {"expires", WORD_AFTER},
    {"expiry", WORD_AFTER}, {"express", WORD_BETWEEN}, {"extranjeria", WORD_QUALIFY},
    {"factura", WORD_OTHER}, {"fax", WORD_PHONE}, {"fecha", WORD_BETWEEN}, {"fedex", WORD_OTHER},
    {"fidelidad", WORD_QUALIFY}, {"firmware", WORD_OTHER}, {"folio", WORD_OTHER},
    {"folios", WORD_OTHER}, {"following", WORD_BETWEEN}, {"formula", WORD_OTHER},
    {"formulario", WORD_OTHER}, {"gift", WORD_QUALIFY}, {"good", WORD_AFTER}, {"gps", WORD_OTHER},
    {"green", WORD_QUALIFY}, {"group", WORD_OTHER}, {"grp", WORD_OTHER}, {"grupo", WORD_OTHER},
    {"grupos", WORD_OTHER}, {"gtin", WORD_OTHER}, {"guia", WORD_OTHER}, {"guias", WORD_OTHER},
    {"hash", WORD_OTHER}, {"hasta", WORD_AFTER}, {"hc", WORD_OTHER}, {"health", WORD_QUALIFY},
    {"historia", WORD_OTHER}, {"historias", WORD_OTHER}, {"hmo", WORD_ISSUED}, {"iban", WORD_OTHER},
    {"iccid", WORD_OTHER}, {"id", WORD_QUALIFY}, {"identidad", WORD_QUALIFY},
    {"identificacion", WORD_ISSUED}, {"imei", WORD_OTHER}, {"imeisv", WORD_OTHER},
    {"importe", WORD_OTHER}, {"incapacidad", WORD_OTHER}, {"ine", WORD_ISSUED},
    {"inscripcion", WORD_OTHER}, {"insurance", WORD_ISSUED}, {"insured", WORD_ISSUED},
    {"interconsulta", WORD_OTHER}, {"interrapidisimo", WORD_OTHER}, {"inventario", WORD_OTHER},
    {"inventory", WORD_OTHER}, {"invima", WORD_OTHER}, {"invoice", WORD_OTHER},
    {"invoicenumber", WORD_OTHER}, {"is", WORD_BETWEEN}, {"isbn", WORD_OTHER}, {"issn", WORD_OTHER},
    {"jcb", WORD_BRAND}, {"la", WORD_BETWEEN}, {"lab", WORD_OTHER}, {"las", WORD_BETWEEN},
    {"latitud", WORD_OTHER}, {"library", WORD_QUALIFY}, {"licence", WORD_ISSUED},
    {"licencia", WORD_ISSUED}, {"license", WORD_ISSUED}, {"loan", WORD_OTHER},
    {"locker", WORD_OTHER}, {"longitud", WORD_OTHER}, {"los", WORD_BETWEEN}, {"lot", WORD_OTHER},
    {"lote", WORD_OTHER}, {"lotes", WORD_OTHER}, {"loyalty", WORD_QUALIFY}, {"maestro", WORD_BRAND},
    {"mastercard", WORD_BRAND}, {"matricula", WORD_OTHER}, {"matriculas", WORD_OTHER},
    {"mc", WORD_BRAND}, {"medica", WORD_BETWEEN}, {"medicaid", WORD_ISSUED},
    {"medical", WORD_BETWEEN}, {"medicare", WORD_ISSUED}, {"medidor", WORD_OTHER},
    {"meid", WORD_OTHER}, {"member", WORD_ISSUED}, {"membership", WORD_ISSUED},
    {"membresia", WORD_ISSUED}, {"meter", WORD_OTHER}, {"mi", WORD_BETWEEN}, {"mipres", WORD_OTHER},
    {"mobile", WORD_PHONE}, {"monto", WORD_OTHER}, {"movil", WORD_PHONE}, {"moviles", WORD_PHONE},
    {"mrn", WORD_OTHER}, {"muestra", WORD_OTHER}, {"my", WORD_BETWEEN}, {"n", WORD_BETWEEN},
    {"nap", WORD_OTHER}, {"ndc", WORD_OTHER}, {"nequi", WORD_OTHER}, {"nhc", WORD_OTHER},
    {"nic", WORD_OTHER}, {"nie", WORD_OTHER}, {"nif", WORD_OTHER}, {"nis", WORD_OTHER},
    {"nit", WORD_OTHER}, {"niu", WORD_OTHER}, {"no", WORD_BETWEEN}, {"nomina", WORD_OTHER},
    {"nos", WORD_BETWEEN}, {"npi", WORD_OTHER}, {"nps", WORD_OTHER}, {"nr", WORD_BETWEEN},
    {"nro", WORD_BETWEEN}, {"nss", WORD_OTHER}, {"nue", WORD_OTHER}, {"nuip", WORD_OTHER},
    {"num", WORD_BETWEEN}, {"number", WORD_BETWEEN}, {"numbers", WORD_BETWEEN},
    {"numero", WORD_BETWEEN}, {"numeros", WORD_BETWEEN}, {"nums", WORD_BETWEEN},
    {"of", WORD_BETWEEN}, {"oficio", WORD_OTHER}, {"orden", WORD_OTHER}, {"order", WORD_OTHER},
    {"paga", WORD_PAY}, {"pagada", WORD_PAY}, {"pagado", WORD_PAY}, {"pagamos", WORD_PAY},
    {"pagando", WORD_PAY}, {"pagar", WORD_PAY}, {"pagare", WORD_PAY}, {"pagaremos", WORD_PAY},
    {"pago", WORD_PAY}, {"pagos", WORD_PAY}, {"pague", WORD_PAY}, {"paguen", WORD_PAY},
    {"paguenlo", WORD_PAY}, {"paid", WORD_PAY}, {"pan", WORD_PAY}, {"paquete", WORD_OTHER},
    {"parcel", WORD_OTHER}, {"partida", WORD_OTHER}, {"pasaporte", WORD_ISSUED},
    {"passport", WORD_ISSUED}, {"pay", WORD_PAY}, {"payment", WORD_PAY}, {"pbx", WORD_PHONE},
    {"pedido", WORD_OTHER}, {"pedimento", WORD_OTHER}, {"phone", WORD_PHONE},
    {"phones", WORD_PHONE}, {"placa", WORD_OTHER}, {"planilla", WORD_OTHER}, {"plastico", WORD_PAY},
    {"plu", WORD_OTHER}, {"policy", WORD_ISSUED}, {"policyholder", WORD_ISSUED},
    {"poliza", WORD_ISSUED}, {"polizanumber", WORD_OTHER}, {"polizas", WORD_ISSUED},
    {"ppo", WORD_ISSUED}, {"pqr", WORD_OTHER}, {"prepagada", WORD_ISSUED},
    {"prescripcion", WORD_OTHER}, {"prescription", WORD_OTHER}, {"prestamo", WORD_OTHER},
    {"primary", WORD_PRIMARY}, {"primaryaccountnumber", WORD_CARD}, {"profesional", WORD_QUALIFY},
    {"propiedad", WORD_QUALIFY}, {"protocol", WORD_OTHER}, {"protocolo", WORD_OTHER},
    {"punto", WORD_QUALIFY}, {"puntos", WORD_QUALIFY}, {"rad", WORD_OTHER},
    {"radicacion", WORD_OTHER}, {"radicado", WORD_OTHER}, {"rastreo", WORD_OTHER},
    {"recaudo", WORD_OTHER}, {"receta", WORD_OTHER}, {"recibo", WORD_OTHER}, {"record", WORD_OTHER},
    {"records", WORD_OTHER}, {"ref", WORD_OTHER}, {"reference", WORD_OTHER},
    {"referencia", WORD_OTHER}, {"referral", WORD_OTHER}, {"regalo", WORD_QUALIFY},
    {"registro", WORD_OTHER}, {"registry", WORD_OTHER}, {"remesa", WORD_OTHER},
    {"remision", WORD_OTHER}, {"remittance", WORD_OTHER}, {"residencia", WORD_QUALIFY},
    {"residente", WORD_QUALIFY}, {"resolucion", WORD_OTHER}, {"rewards", WORD_QUALIFY},
    {"rfc", WORD_OTHER}, {"rnc", WORD_OTHER}, {"routing", WORD_OTHER}, {"rrn", WORD_OTHER},
    {"rtn", WORD_OTHER}, {"ruc", WORD_OTHER}, {"rut", WORD_OTHER}, {"ruta", WORD_OTHER},
    {"rx", WORD_OTHER}, {"rxbin", WORD_OTHER}, {"rxpcn", WORD_OTHER}, {"saldo", WORD_OTHER},
    {"salud", WORD_QUALIFY}, {"sample", WORD_OTHER}, {"sanitaria", WORD_QUALIFY},
    {"sanitario", WORD_QUALIFY}, {"security", WORD_AFTER}, {"seguimiento", WORD_OTHER},
    {"seguridad", WORD_AFTER}, {"seguro", WORD_ISSUED}, {"seguros", WORD_ISSUED},
    {"serial", WORD_OTHER}, {"serialno", WORD_OTHER}, {"serialnumber", WORD_OTHER},
    {"serie", WORD_OTHER}, {"servientrega", WORD_OTHER}, {"shipment", WORD_OTHER},
    {"siguiente", WORD_BETWEEN}, {"sim", WORD_ISSUED}, {"siniestro", WORD_OTHER},
    {"sisben", WORD_ISSUED}, {"sku", WORD_OTHER}, {"sn", WORD_OTHER}, {"soat", WORD_ISSUED},
    {"solicitud", WORD_OTHER}, {"son", WORD_BETWEEN}, {"sort", WORD_OTHER},
    {"specimen", WORD_OTHER}, {"spei", WORD_OTHER}, {"ssa", WORD_OTHER}, {"ssn", WORD_OTHER},
    {"student", WORD_QUALIFY}, {"su", WORD_BETWEEN}, {"subscriber", WORD_ISSUED},
    {"suministro", WORD_OTHER}, {"suscriptor", WORD_OTHER}, {"swift", WORD_OTHER},
    {"swipe", WORD_PAY}, {"tarj", WORD_TARJETA}, {"tarjeta", WORD_TARJETA},
    {"tarjetahabiente", WORD_TARJETA}, {"tarjetaid", WORD_OTHER}, {"tarjetas", WORD_TARJETA},
    {"tc", WORD_PAY}, {"tdc", WORD_TARJETA}, {"tel", WORD_PHONE}, {"telefono", WORD_PHONE},
    {"telefonos", WORD_PHONE}, {"telephone", WORD_PHONE}, {"telf", WORD_PHONE},
    {"tels", WORD_PHONE}, {"tfno", WORD_PHONE}, {"thru", WORD_AFTER}, {"ticket", WORD_OTHER},
    {"timestamp", WORD_OTHER}, {"tin", WORD_OTHER}, {"tlf", WORD_PHONE}, {"tracking", WORD_OTHER},
    {"tramite", WORD_OTHER}, {"transaccion", WORD_OTHER}, {"transaction", WORD_OTHER},
    {"transfer", WORD_OTHER}, {"transferencia", WORD_OTHER}, {"transporte", WORD_QUALIFY},
    {"trx", WORD_OTHER}, {"ts", WORD_OTHER}, {"turno", WORD_OTHER}, {"tutela", WORD_OTHER},
    {"txn", WORD_OTHER}, {"udi", WORD_OTHER}, {"unionpay", WORD_BRAND}, {"until", WORD_AFTER},
    {"upc", WORD_OTHER}, {"ups", WORD_OTHER}, {"usps", WORD_OTHER}, {"uuid", WORD_OTHER},
    {"vaccine", WORD_QUALIFY}, {"vacunacion", WORD_QUALIFY}, {"vacunas", WORD_QUALIFY},
    {"valid", WORD_AFTER}, {"valida", WORD_AFTER}, {"validez", WORD_AFTER}, {"valor", WORD_OTHER},
    {"venc", WORD_AFTER}, {"vence", WORD_AFTER}, {"vencimiento", WORD_AFTER},
    {"verificacion", WORD_AFTER}, {"verification", WORD_AFTER}, {"vin", WORD_OTHER},
    {"visa", WORD_BRAND}, {"visaelectron", WORD_PAY}, {"voter", WORD_ISSUED}, {"vto", WORD_AFTER},
    {"was", WORD_BETWEEN}, {"waybill", WORD_OTHER}, {"whatsapp", WORD_PHONE}, {"wsp", WORD_PHONE},
    {"your", WORD_BETWEEN},
};
// clang-format on

#define WORDS (sizeof(words) / sizeof(words[0]))

static int compare(const char *word, const char *p, size_t n)
{
    int order = strncmp(word, p, n);
    return order != 0 ? order : word[n] != '\0';
}

enum word_kind pan_word(const char *p, size_t n)
{
    size_t low = 0, high = WORDS;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = compare(words[mid].word, p, n);
        if (order == 0)
            return words[mid].kind;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return WORD_PLAIN;
}

bool pan_words_are_sorted(void)
{
    for (size_t i = 1; i < WORDS; i++) {
        if (strcmp(words[i - 1].word, words[i].word) >= 0)
            return false;
    }
    return true;
}
