using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Granary.Gateway.Management.Frame;

/// <summary>A page of a list, or the whole of it.</summary>
/// <param name="Page">From 1; null: it is not in pages.</param>
/// <param name="Total">Of all items.</param>
/// <param name="Filtered">Of those that were meant.</param>
internal sealed record ListPage<T>(List<T> Items, int? Page, int Size, int Total, int Filtered, int Pages)
{
    /// <summary>The same page of what is told of each.</summary>
    public ListPage<TTold> As<TTold>(Func<T, TTold> tell) => new(Items.ConvertAll(item => tell(item)), Page, Size, Total, Filtered, Pages);

    public void Write(Utf8JsonWriter writer, JsonTypeInfo<T> type, Columns? columns)
    {
        if (Page is not { } page)
        {
            WriteItems(writer, type, columns);
            return;
        }

        writer.WriteStartObject();
        writer.WriteNumber("filtered_count", Filtered);
        writer.WriteNumber("item_count", Items.Count);
        writer.WritePropertyName("items");
        WriteItems(writer, type, columns);
        writer.WriteNumber("page", page);
        writer.WriteNumber("page_count", Pages);
        writer.WriteNumber("page_size", Size);
        writer.WriteNumber("total_count", Total);
        writer.WriteEndObject();
    }

    private void WriteItems(Utf8JsonWriter writer, JsonTypeInfo<T> type, Columns? columns)
    {
        writer.WriteStartArray();
        foreach (var item in Items)
        {
            if (columns is null)
            {
                JsonSerializer.Serialize(writer, item, type);
            }
            else
            {
                columns.Write(writer, item!, type);
            }
        }

        writer.WriteEndArray();
    }
}
