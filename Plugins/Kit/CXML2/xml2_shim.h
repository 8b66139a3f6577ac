/* xml2_shim.h - libxml2 as a stream of elements and text: no tree, no entities, no document type, no network. */
#ifndef MOORING_XML2_SHIM_H
#define MOORING_XML2_SHIM_H

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Who is told what a document holds. Each function returns 0 to go on; anything else ends the parse. Texts aren't
 * terminated. */
typedef struct shim_xml_receiver {
    void *_Nullable context;
    int (*_Nonnull began)(void *_Nullable context, const char *_Nonnull name, size_t count);
    int (*_Nonnull text)(void *_Nullable context, const char *_Nonnull bytes, size_t count);
    int (*_Nonnull ended)(void *_Nullable context);
} shim_xml_receiver;

/** How a parse ended. */
enum { SHIM_XML_OK = 0, SHIM_XML_MALFORMED = 1, SHIM_XML_REFUSED = 2, SHIM_XML_NO_MEMORY = 3 };

typedef struct shim_xml_run {
    xmlParserCtxtPtr _Nullable parser;
    const shim_xml_receiver *_Nonnull receiver;
    int is_refused;
} shim_xml_run;

static inline void shim_xml_judge(shim_xml_run *_Nonnull run, int verdict) {
    if (verdict == 0 || run->is_refused)
        return;
    run->is_refused = 1;
    if (run->parser)
        xmlStopParser(run->parser);
}

static inline void shim_xml_began(void *_Nonnull context, const xmlChar *_Nonnull name, const xmlChar *_Nullable prefix,
                                  const xmlChar *_Nullable uri, int spaces, const xmlChar *_Nullable *_Nullable list,
                                  int attributes, int defaulted, const xmlChar *_Nullable *_Nullable values) {
    (void)prefix, (void)uri, (void)spaces, (void)list, (void)attributes, (void)defaulted, (void)values;
    shim_xml_run *run = (shim_xml_run *)context;
    if (!run->is_refused)
        shim_xml_judge(run,
                       run->receiver->began(run->receiver->context, (const char *)name, strlen((const char *)name)));
}

static inline void shim_xml_ended(void *_Nonnull context, const xmlChar *_Nonnull name, const xmlChar *_Nullable prefix,
                                  const xmlChar *_Nullable uri) {
    (void)name, (void)prefix, (void)uri;
    shim_xml_run *run = (shim_xml_run *)context;
    if (!run->is_refused)
        shim_xml_judge(run, run->receiver->ended(run->receiver->context));
}

static inline void shim_xml_text(void *_Nonnull context, const xmlChar *_Nonnull bytes, int count) {
    shim_xml_run *run = (shim_xml_run *)context;
    if (!run->is_refused && count > 0)
        shim_xml_judge(run, run->receiver->text(run->receiver->context, (const char *)bytes, (size_t)count));
}

/** A document type, wherever it leads. */
static inline void shim_xml_doctype(void *_Nonnull context, const xmlChar *_Nullable name,
                                    const xmlChar *_Nullable pubid, const xmlChar *_Nullable system) {
    (void)name, (void)pubid, (void)system;
    shim_xml_judge((shim_xml_run *)context, 1);
}

/** A reference to an entity that the document would have to define. */
static inline void shim_xml_reference(void *_Nonnull context, const xmlChar *_Nullable name) {
    (void)name;
    shim_xml_judge((shim_xml_run *)context, 1);
}

/** Of the entities only XML's own five are known. */
static inline xmlEntityPtr _Nullable shim_xml_entity(void *_Nonnull context, const xmlChar *_Nullable name) {
    (void)context;
    return name ? xmlGetPredefinedEntity(name) : NULL;
}

/** Says nothing: the result of the parse is what counts. */
static inline void shim_xml_silent(void *_Nullable context, xmlErrorPtr _Nullable error) {
    (void)context, (void)error;
}

/** Parses a whole document as UTF-8. */
static inline int shim_xml_parse(const char *_Nonnull bytes, int count, const shim_xml_receiver *_Nonnull receiver) {
    xmlSAXHandler handler;
    memset(&handler, 0, sizeof handler);
    handler.initialized = XML_SAX2_MAGIC;
    handler.startElementNs = shim_xml_began;
    handler.endElementNs = shim_xml_ended;
    handler.characters = shim_xml_text;
    handler.ignorableWhitespace = shim_xml_text;
    handler.cdataBlock = shim_xml_text;
    handler.internalSubset = shim_xml_doctype;
    handler.externalSubset = shim_xml_doctype;
    handler.reference = shim_xml_reference;
    handler.getEntity = shim_xml_entity;
    handler.serror = shim_xml_silent;

    shim_xml_run run = {NULL, receiver, 0};
    xmlParserCtxtPtr parser = xmlCreatePushParserCtxt(&handler, &run, NULL, 0, NULL);
    if (!parser)
        return SHIM_XML_NO_MEMORY;
    run.parser = parser;
    xmlCtxtUseOptions(parser, XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_IGNORE_ENC | XML_PARSE_NOERROR |
                                  XML_PARSE_NOWARNING);
    xmlSwitchEncoding(parser, XML_CHAR_ENCODING_UTF8);
    xmlParseChunk(parser, bytes, count, 1);
    int isWellFormed = parser->wellFormed;
    if (parser->myDoc) {
        xmlFreeDoc(parser->myDoc);
        parser->myDoc = NULL;
    }
    xmlFreeParserCtxt(parser);
    if (run.is_refused)
        return SHIM_XML_REFUSED;
    return isWellFormed ? SHIM_XML_OK : SHIM_XML_MALFORMED;
}

#ifdef __cplusplus
}
#endif
#endif /* MOORING_XML2_SHIM_H */
