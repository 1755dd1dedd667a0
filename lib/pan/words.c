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
    {"aba", WORD_OTHER}, {"accession", WORD_OTHER}, {"account", WORD_OTHER},
    {"afiliacion", WORD_OTHER}, {"afiliado", WORD_OTHER}, {"amex", WORD_CARD},
    {"appointment", WORD_QUALIFY}, {"approval", WORD_OTHER}, {"aprobacion", WORD_OTHER},
    {"are", WORD_BETWEEN}, {"arl", WORD_OTHER}, {"authorization", WORD_OTHER},
    {"autorizacion", WORD_OTHER}, {"barcode", WORD_OTHER}, {"barras", WORD_OTHER},
    {"batch", WORD_OTHER}, {"bic", WORD_OTHER}, {"boarding", WORD_QUALIFY},
    {"business", WORD_QUALIFY}, {"caduca", WORD_AFTER}, {"caducidad", WORD_AFTER},
    {"card", WORD_CARD}, {"cardholder", WORD_CARD}, {"cardno", WORD_CARD}, {"cardnr", WORD_CARD},
    {"cardnum", WORD_CARD}, {"cardnumber", WORD_CARD}, {"cardpan", WORD_CARD}, {"cards", WORD_CARD},
    {"cargar", WORD_PAY}, {"cargo", WORD_PAY}, {"cargue", WORD_PAY}, {"carne", WORD_OTHER},
    {"carnet", WORD_OTHER}, {"carte", WORD_CARD}, {"case", WORD_OTHER}, {"caso", WORD_OTHER},
    {"cav", WORD_AFTER}, {"cbu", WORD_OTHER}, {"cc", WORD_PAY}, {"cci", WORD_OTHER},
    {"ccid", WORD_AFTER}, {"ccnum", WORD_CARD}, {"ccnumber", WORD_CARD}, {"ccv", WORD_AFTER},
    {"cedula", WORD_OTHER}, {"cel", WORD_PHONE}, {"cels", WORD_PHONE}, {"celular", WORD_PHONE},
    {"celulares", WORD_PHONE}, {"charge", WORD_PAY}, {"charged", WORD_PAY}, {"chasis", WORD_OTHER},
    {"checksum", WORD_OTHER}, {"chip", WORD_OTHER}, {"cid", WORD_AFTER}, {"citas", WORD_QUALIFY},
    {"clabe", WORD_OTHER}, {"claim", WORD_OTHER}, {"claims", WORD_OTHER}, {"cnpj", WORD_OTHER},
    {"cobrame", WORD_PAY}, {"cobrar", WORD_PAY}, {"cobre", WORD_PAY}, {"cobren", WORD_PAY},
    {"cobro", WORD_PAY}, {"codigo", WORD_OTHER}, {"comprobante", WORD_OTHER},
    {"comprobantes", WORD_OTHER}, {"consecutivo", WORD_OTHER}, {"consignacion", WORD_OTHER},
    {"consignar", WORD_OTHER}, {"contacto", WORD_PHONE}, {"contract", WORD_OTHER},
    {"contrato", WORD_OTHER}, {"coordenadas", WORD_OTHER}, {"coordinadora", WORD_OTHER},
    {"copago", WORD_PAY}, {"copay", WORD_PAY}, {"correos", WORD_OTHER}, {"courier", WORD_OTHER},
    {"cpf", WORD_OTHER}, {"credencial", WORD_QUALIFY}, {"credit", WORD_CREDIT},
    {"creditcard", WORD_CARD}, {"credito", WORD_CREDIT}, {"csc", WORD_AFTER}, {"cude", WORD_OTHER},
    {"cuenta", WORD_OTHER}, {"cufe", WORD_OTHER}, {"cui", WORD_OTHER}, {"cuil", WORD_OTHER},
    {"cuit", WORD_OTHER}, {"cum", WORD_OTHER}, {"curp", WORD_OTHER}, {"cvc", WORD_AFTER},
    {"cvn", WORD_AFTER}, {"cvu", WORD_OTHER}, {"cvv", WORD_AFTER}, {"datafono", WORD_PAY},
    {"daviplata", WORD_OTHER}, {"de", WORD_BETWEEN}, {"dea", WORD_OTHER}, {"debit", WORD_CREDIT},
    {"debitcard", WORD_CARD}, {"debito", WORD_CREDIT}, {"deprisa", WORD_OTHER},
    {"device", WORD_OTHER}, {"dhl", WORD_OTHER}, {"dicom", WORD_OTHER}, {"diners", WORD_CARD},
    {"discover", WORD_PAY}, {"dni", WORD_OTHER}, {"dpi", WORD_OTHER}, {"dui", WORD_OTHER},
    {"ean", WORD_OTHER}, {"ein", WORD_OTHER}, {"el", WORD_BETWEEN}, {"elector", WORD_OTHER},
    {"electron", WORD_PAY}, {"embarque", WORD_QUALIFY}, {"encounter", WORD_OTHER},
    {"envio", WORD_OTHER}, {"episodio", WORD_OTHER}, {"epoch", WORD_OTHER}, {"eps", WORD_OTHER},
    {"epss", WORD_OTHER}, {"es", WORD_BETWEEN}, {"esn", WORD_OTHER}, {"especimen", WORD_OTHER},
    {"estafeta", WORD_OTHER}, {"exp", WORD_AFTER}, {"expdate", WORD_AFTER},
    {"expediente", WORD_OTHER}, {"expira", WORD_AFTER}, {"expiracion", WORD_AFTER},
    {"expiration", WORD_AFTER}, {"expires", WORD_AFTER}, {"expiry", WORD_AFTER},
    {"express", WORD_BETWEEN}, {"extranjeria", WORD_QUALIFY}, {"factura", WORD_OTHER},
    {"fax", WORD_PHONE}, {"fecha", WORD_AFTER}, {"fedex", WORD_OTHER}, {"firmware", WORD_OTHER},
    {"folio", WORD_OTHER}, {"following", WORD_BETWEEN}, {"gift", WORD_QUALIFY},
    {"good", WORD_AFTER}, {"gps", WORD_OTHER}, {"group", WORD_OTHER}, {"grp", WORD_OTHER},
    {"grupo", WORD_OTHER}, {"gtin", WORD_OTHER}, {"guia", WORD_OTHER}, {"guias", WORD_OTHER},
    {"hash", WORD_OTHER}, {"hasta", WORD_AFTER}, {"hc", WORD_OTHER}, {"health", WORD_QUALIFY},
    {"historia", WORD_OTHER}, {"historias", WORD_OTHER}, {"hmo", WORD_OTHER}, {"iban", WORD_OTHER},
    {"iccid", WORD_OTHER}, {"id", WORD_QUALIFY}, {"identidad", WORD_QUALIFY},
    {"identificacion", WORD_OTHER}, {"imei", WORD_OTHER}, {"imeisv", WORD_OTHER},
    {"ine", WORD_OTHER}, {"insurance", WORD_OTHER}, {"interrapidisimo", WORD_OTHER},
    {"invima", WORD_OTHER}, {"invoice", WORD_OTHER}, {"is", WORD_BETWEEN}, {"jcb", WORD_CARD},
    {"la", WORD_BETWEEN}, {"lab", WORD_OTHER}, {"las", WORD_BETWEEN}, {"latitud", WORD_OTHER},
    {"library", WORD_QUALIFY}, {"licence", WORD_OTHER}, {"licencia", WORD_OTHER},
    {"license", WORD_OTHER}, {"longitud", WORD_OTHER}, {"los", WORD_BETWEEN}, {"lot", WORD_OTHER},
    {"lote", WORD_OTHER}, {"loyalty", WORD_QUALIFY}, {"maestro", WORD_CARD},
    {"mastercard", WORD_CARD}, {"matricula", WORD_OTHER}, {"mc", WORD_CARD},
    {"medicaid", WORD_OTHER}, {"medicare", WORD_OTHER}, {"meid", WORD_OTHER},
    {"member", WORD_OTHER}, {"membership", WORD_QUALIFY}, {"mi", WORD_BETWEEN},
    {"mobile", WORD_PHONE}, {"movil", WORD_PHONE}, {"moviles", WORD_PHONE}, {"mrn", WORD_OTHER},
    {"muestra", WORD_OTHER}, {"my", WORD_BETWEEN}, {"n", WORD_BETWEEN}, {"nap", WORD_OTHER},
    {"ndc", WORD_OTHER}, {"nequi", WORD_OTHER}, {"nhc", WORD_OTHER}, {"nie", WORD_OTHER},
    {"nif", WORD_OTHER}, {"nit", WORD_OTHER}, {"no", WORD_BETWEEN}, {"nos", WORD_BETWEEN},
    {"npi", WORD_OTHER}, {"nr", WORD_BETWEEN}, {"nro", WORD_BETWEEN}, {"nss", WORD_OTHER},
    {"nuip", WORD_OTHER}, {"num", WORD_BETWEEN}, {"number", WORD_BETWEEN},
    {"numbers", WORD_BETWEEN}, {"numero", WORD_BETWEEN}, {"numeros", WORD_BETWEEN},
    {"nums", WORD_BETWEEN}, {"of", WORD_BETWEEN}, {"orden", WORD_OTHER}, {"order", WORD_OTHER},
    {"paga", WORD_PAY}, {"pagar", WORD_PAY}, {"pago", WORD_PAY}, {"pagos", WORD_PAY},
    {"pague", WORD_PAY}, {"paid", WORD_PAY}, {"pan", WORD_PAY}, {"pasaporte", WORD_OTHER},
    {"passport", WORD_OTHER}, {"pay", WORD_PAY}, {"payment", WORD_PAY}, {"pbx", WORD_PHONE},
    {"pedido", WORD_OTHER}, {"phone", WORD_PHONE}, {"phones", WORD_PHONE}, {"placa", WORD_OTHER},
    {"plastico", WORD_PAY}, {"plu", WORD_OTHER}, {"policy", WORD_OTHER},
    {"policyholder", WORD_OTHER}, {"poliza", WORD_OTHER}, {"ppo", WORD_OTHER},
    {"prepagada", WORD_OTHER}, {"prescripcion", WORD_OTHER}, {"primaryaccountnumber", WORD_CARD},
    {"profesional", WORD_QUALIFY}, {"propiedad", WORD_QUALIFY}, {"puntos", WORD_QUALIFY},
    {"radicacion", WORD_OTHER}, {"radicado", WORD_OTHER}, {"recibo", WORD_OTHER},
    {"ref", WORD_OTHER}, {"reference", WORD_OTHER}, {"referencia", WORD_OTHER},
    {"remesa", WORD_OTHER}, {"remision", WORD_OTHER}, {"rfc", WORD_OTHER}, {"rnc", WORD_OTHER},
    {"routing", WORD_OTHER}, {"rrn", WORD_OTHER}, {"rtn", WORD_OTHER}, {"ruc", WORD_OTHER},
    {"rut", WORD_OTHER}, {"ruta", WORD_OTHER}, {"rxbin", WORD_OTHER}, {"rxpcn", WORD_OTHER},
    {"salud", WORD_QUALIFY}, {"sample", WORD_OTHER}, {"security", WORD_AFTER},
    {"seguridad", WORD_AFTER}, {"seguro", WORD_OTHER}, {"serial", WORD_OTHER},
    {"serie", WORD_OTHER}, {"servientrega", WORD_OTHER}, {"shipment", WORD_OTHER},
    {"siguiente", WORD_BETWEEN}, {"sim", WORD_OTHER}, {"siniestro", WORD_OTHER},
    {"sisben", WORD_OTHER}, {"sku", WORD_OTHER}, {"soat", WORD_OTHER}, {"son", WORD_BETWEEN},
    {"sort", WORD_OTHER}, {"specimen", WORD_OTHER}, {"spei", WORD_OTHER}, {"ssa", WORD_OTHER},
    {"ssn", WORD_OTHER}, {"su", WORD_BETWEEN}, {"subscriber", WORD_OTHER},
    {"suscriptor", WORD_OTHER}, {"swift", WORD_OTHER}, {"swipe", WORD_PAY}, {"tarj", WORD_CARD},
    {"tarjeta", WORD_CARD}, {"tarjetahabiente", WORD_CARD}, {"tarjetaid", WORD_OTHER},
    {"tarjetas", WORD_CARD}, {"tc", WORD_PAY}, {"tdc", WORD_CARD}, {"tel", WORD_PHONE},
    {"telefono", WORD_PHONE}, {"telefonos", WORD_PHONE}, {"telephone", WORD_PHONE},
    {"telf", WORD_PHONE}, {"tels", WORD_PHONE}, {"tfno", WORD_PHONE}, {"thru", WORD_AFTER},
    {"ticket", WORD_OTHER}, {"timestamp", WORD_OTHER}, {"tin", WORD_OTHER}, {"tlf", WORD_PHONE},
    {"tracking", WORD_OTHER}, {"transaccion", WORD_OTHER}, {"transaction", WORD_OTHER},
    {"transfer", WORD_OTHER}, {"transferencia", WORD_OTHER}, {"transporte", WORD_QUALIFY},
    {"trx", WORD_OTHER}, {"ts", WORD_OTHER}, {"txn", WORD_OTHER}, {"udi", WORD_OTHER},
    {"unionpay", WORD_CARD}, {"until", WORD_AFTER}, {"upc", WORD_OTHER}, {"ups", WORD_OTHER},
    {"usps", WORD_OTHER}, {"uuid", WORD_OTHER}, {"vaccine", WORD_QUALIFY},
    {"vacunacion", WORD_QUALIFY}, {"vacunas", WORD_QUALIFY}, {"valid", WORD_AFTER},
    {"valida", WORD_AFTER}, {"validez", WORD_AFTER}, {"venc", WORD_AFTER}, {"vence", WORD_AFTER},
    {"vencimiento", WORD_AFTER}, {"verificacion", WORD_AFTER}, {"verification", WORD_AFTER},
    {"vin", WORD_OTHER}, {"visa", WORD_CARD}, {"visaelectron", WORD_PAY}, {"voter", WORD_OTHER},
    {"vto", WORD_AFTER}, {"was", WORD_BETWEEN}, {"whatsapp", WORD_PHONE}, {"wsp", WORD_PHONE},
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
