/// Every row, area by area.
enum Table {
    static let rows: [Row] = [
        BaseRows.all, PullRows.all, BlobRows.all, UploadRows.all, ChunkRows.all, MountRows.all, ManifestRows.all,
        ManifestRefusalRows.all, TagRows.all, CatalogRows.all, ReferrerRows.all, DeletionRows.all, MethodRows.all,
        HeaderRows.all, ErrorRows.all,
    ].flatMap { $0 }
}

/// Lets an area list its rows one below the other, each an expression of its own.
@resultBuilder
enum RowsBuilder {
    static func buildExpression(_ row: Row) -> [Row] { [row] }
    static func buildBlock(_ rows: [Row]...) -> [Row] { rows.flatMap { $0 } }
    static func buildArray(_ rows: [[Row]]) -> [Row] { rows.flatMap { $0 } }
}
