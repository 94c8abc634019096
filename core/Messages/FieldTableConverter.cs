using System.Text.Json;
using System.Text.Json.Serialization;
using Granary.Amqp;

namespace Granary.Core.Messages;

/// <summary>Field tables as JSON objects, both ways as RabbitMQ's management has them (rabbit_misc's to_amqp_table).</summary>
public sealed class FieldTableConverter : JsonConverter<FieldTable>
{
    public override bool HandleNull => true;

    public override FieldTable Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        // RabbitMQ's tools write an empty table as an empty array as well.
        if (reader.TokenType == JsonTokenType.Null)
        {
            return FieldTable.Empty;
        }

        if (reader.TokenType == JsonTokenType.StartArray)
        {
            return reader.Read() && reader.TokenType == JsonTokenType.EndArray ? FieldTable.Empty : throw new JsonException("A table is an object.");
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("A table is an object.");
        }

        List<KeyValuePair<string, FieldValue>> entries = [];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            entries.Add(KeyValuePair.Create(name, ReadValue(ref reader, options)));
        }

        try
        {
            return new FieldTable(entries);
        }
        catch (ArgumentException exception)
        {
            throw new JsonException(exception.Message, exception);
        }
    }

    public override void Write(Utf8JsonWriter writer, FieldTable value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var (name, field) in value)
        {
            writer.WritePropertyName(name);
            WriteValue(writer, field, options);
        }

        writer.WriteEndObject();
    }

    private FieldValue ReadValue(ref Utf8JsonReader reader, JsonSerializerOptions options)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.True or JsonTokenType.False:
                return reader.GetBoolean();
            case JsonTokenType.String:
                return reader.GetString()!;
            case JsonTokenType.Number when reader.TryGetInt64(out var number):
                return number;
            case JsonTokenType.Number:
                return reader.GetDouble();
            case JsonTokenType.StartObject:
                return Read(ref reader, typeof(FieldTable), options);
            case JsonTokenType.StartArray:
                List<FieldValue> values = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    values.Add(ReadValue(ref reader, options));
                }

                return new FieldArray([.. values]);
            case JsonTokenType.Null:
                return FieldValue.Void;
            default:
                throw new JsonException($"'{reader.TokenType}' is no value of a table.");
        }
    }

    private void WriteValue(Utf8JsonWriter writer, FieldValue value, JsonSerializerOptions options)
    {
        if (value.TryGetText(out var text))
        {
            writer.WriteStringValue(text);
        }
        else if (value.TryGetBytes(out var octets))
        {
            writer.WriteStringValue(ShortText.Decode(octets.Span));
        }
        else if (value.TryGetBoolean(out var flag))
        {
            writer.WriteBooleanValue(flag);
        }
        else if (value.TryGetInteger(out var number))
        {
            writer.WriteNumberValue(number);
        }
        else if (value.TryGetTimestamp(out var seconds))
        {
            writer.WriteNumberValue(seconds);
        }
        else if (value.TryGetDouble(out var real) && double.IsFinite(real))
        {
            writer.WriteNumberValue(real);
        }
        else if (value.TryGetTable(out var table))
        {
            Write(writer, table, options);
        }
        else if (value.TryGetArray(out var array))
        {
            writer.WriteStartArray();
            foreach (var each in array)
            {
                WriteValue(writer, each, options);
            }

            writer.WriteEndArray();
        }
        else if (value.TryGetDecimal(out var scaled))
        {
            writer.WriteNumberValue(scaled.Digits / Math.Pow(10, scaled.Scale));
        }
        else
        {
            writer.WriteNullValue();
        }
    }
}
