import PluginABI

func factoryTable(_ obj: UnsafeMutableRawPointer?) -> moor_factory {
    var table = moor_factory()
    table.obj = obj
    table.validate = factoryValidate
    table.config_schema = factorySchema
    table.create = factoryCreate
    return table
}

private var unknownComponent: PluginError {
    PluginError(.notFound, "the plugin has no component of that name", noEffect: true)
}

private func factoryValidate(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ component: moor_str, _ config: moor_bytes,
    _ done: moor_done_buf
) {
    let context = call.pointee.done_ctx
    guard let component = Plugin.from(obj)?.component(component) else {
        return unknownComponent.withCError { done(context, $0, nil) }
    }
    var errors = ""
    do throws(PluginError) {
        _ = try component.configure(config.bytes)
    } catch {
        let pointer = (try? JSONValue(parsing: error.detailsJSON))?["pointer"]?.string ?? ""
        errors =
            "{\"pointer\":\(JSONText.quote(pointer)),\"code\":\"config\","
            + "\"message\":\(JSONText.quote(PluginError.oneLine(error.message)))}"
    }
    give("{\"errors\":[\(errors)],\"warnings\":[]}", to: done, context)
}

private func factorySchema(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ component: moor_str, _ done: moor_done_buf
) {
    let context = call.pointee.done_ctx
    guard let component = Plugin.from(obj)?.component(component) else {
        return unknownComponent.withCError { done(context, $0, nil) }
    }
    give(component.schema, to: done, context)
}

/// Completes a call with a text of its own.
func give(_ text: String, to done: moor_done_buf, _ context: UnsafeMutableRawPointer?) {
    do throws(PluginError) {
        let bytes = try OwnedBytes(text)
        withUnsafePointer(to: bytes.take()) { done(context, nil, $0) }
    } catch {
        error.withCError { done(context, $0, nil) }
    }
}

private func factoryCreate(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ component: moor_str, _ name: moor_str,
    _ config: moor_bytes, _ done: moor_done_instance
) {
    let context = call.pointee.done_ctx
    do throws(PluginError) {
        guard let plugin = Plugin.from(obj), let component = plugin.component(component) else {
            throw unknownComponent
        }
        let make = try component.configure(config.bytes)
        let instance = try make(InstanceContext(name: name.text, host: plugin.host))
        var table = instance.table()
        done(context, nil, &table)
    } catch {
        error.withCError { done(context, $0, nil) }
    }
}
