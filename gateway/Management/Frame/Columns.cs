using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Granary.Gateway.Management.Frame;

/// <summary>The query's <c>columns</c>: which fields of an object are wanted, <c>a,b.c</c>.</summary>
internal sealed class Columns
{
    // Null: the whole field.
    private readonly Dictionary<string, Columns?> _fields = new(StringComparer.Ordinal);

    /// <summary>Null: all are.</summary>
    public static Columns? From(IQueryCollection query)
    {
        var text = query["columns"].ToString();
        if (text.Length == 0)
        {
            return null;
        }

        var columns = new Columns();
        foreach (var path in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            columns.Add(path);
        }

        return columns;
    }

    /// <summary>Writes what is wanted of an object, or of each element of a list.</summary>
    public void Write(Utf8JsonWriter writer, object value, JsonTypeInfo type)
    {
        if (type.Kind == JsonTypeInfoKind.Enumerable)
        {
            writer.WriteStartArray();
            foreach (var item in (System.Collections.IEnumerable)value)
            {
                Write(writer, item, type.Options.GetTypeInfo(type.ElementType!));
            }

            writer.WriteEndArray();
            return;
        }

        if (type.Kind != JsonTypeInfoKind.Object)
        {
            JsonSerializer.Serialize(writer, value, type);
            return;
        }

        writer.WriteStartObject();
        foreach (var property in type.Properties)
        {
            if (_fields.TryGetValue(property.Name, out var inner) && property.Get?.Invoke(value) is { } field)
            {
                writer.WritePropertyName(property.Name);
                var fieldType = type.Options.GetTypeInfo(property.PropertyType);
                if (inner is null)
                {
                    JsonSerializer.Serialize(writer, field, fieldType);
                }
                else
                {
                    inner.Write(writer, field, fieldType);
                }
            }
        }

        writer.WriteEndObject();
    }

    private void Add(string path)
    {
        var dot = path.IndexOf('.', StringComparison.Ordinal);
        if (dot < 0)
        {
            _fields[path] = null;
            return;
        }

        if (!_fields.TryGetValue(path[..dot], out var inner))
        {
            _fields[path[..dot]] = inner = new Columns();
        }

        inner?.Add(path[(dot + 1)..]);
    }
}
