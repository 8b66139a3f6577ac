import PluginABI
import RegistryStorage

extension moor_storage {
    /// The table with a refusal for each required operation that it lacks: a middleware on top of it may count on them.
    var withRefusals: moor_storage {
        var table = self
        table.get_content = get_content ?? { _, call, _, _, done in refuse { done(call.pointee.done_ctx, $0, nil) } }
        table.put_content =
            put_content ?? { _, call, _, _, _, done in refuse { done(call.pointee.done_ctx, $0, nil) } }
        table.open_reader =
            open_reader ?? { _, call, _, _, _, _, done in refuse { done(call.pointee.done_ctx, $0, nil) } }
        table.open_writer =
            open_writer ?? { _, call, _, _, _, _, _, done in refuse { done(call.pointee.done_ctx, $0, nil) } }
        table.stat_path = stat_path ?? { _, call, _, done in refuse { done(call.pointee.done_ctx, $0, nil) } }
        table.list_page = list_page ?? { _, call, _, _, _, done in refuse { done(call.pointee.done_ctx, $0, nil) } }
        table.move_path = move_path ?? { _, call, _, _, _, done in refuse { done(call.pointee.done_ctx, $0) } }
        table.remove_path = remove_path ?? { _, call, _, _, done in refuse { done(call.pointee.done_ctx, $0) } }
        table.redirect_url = redirect_url ?? { _, call, _, done in refuse { done(call.pointee.done_ctx, $0, nil) } }
        return table
    }
}

private func refuse(_ complete: (UnsafePointer<moor_error>) -> Void) {
    var error = StorageError(.unsupported, "a layer below doesn't implement this, so it is refused")
    error.hadNoEffect = true
    error.withTable(complete)
}
