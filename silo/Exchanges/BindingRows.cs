using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Granary.Core.Topology;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Exchanges;

/// <summary>
/// Bindings as rows: one table per exchange. Names, keys and arguments may be longer than a key of a store should be, so the key is a digest of all
/// that makes the binding; the value says what it is.
/// </summary>
internal static class BindingRows
{
    private const string Prefix = "bindings ";

    public static string TableOf(string exchangeKey) => $"{Prefix}{exchangeKey}";

    /// <summary>The exchange that a row is a binding of.</summary>
    public static string ExchangeOf(RowKey key) => key.Table[Prefix.Length..];

    public static RowChange Added(string exchangeKey, Binding binding) =>
        new(KeyOf(exchangeKey, binding), JsonSerializer.SerializeToUtf8Bytes(binding, DefinitionsJson.Default.Binding));

    public static RowChange Removed(string exchangeKey, Binding binding) => new(KeyOf(exchangeKey, binding), null);

    /// <exception cref="StoreException">The row is not one of a binding.</exception>
    public static Binding Parse(Row row)
    {
        try
        {
            return JsonSerializer.Deserialize(row.Value.Span, DefinitionsJson.Default.Binding) ?? throw new JsonException("The binding is null.");
        }
        catch (JsonException exception)
        {
            throw new StoreException($"The stored binding '{row.Key.Key}' of '{row.Key.Table}' cannot be read: {exception.Message}", exception);
        }
    }

    private static RowKey KeyOf(string exchangeKey, Binding binding)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (kind, name, incarnation) = binding.Destination;
        hash.AppendData([(byte)kind]);
        hash.AppendData(incarnation.ToByteArray());

        // Neither name nor key is over 255 bytes long, so a byte of length tells where they end.
        Append(hash, name);
        Append(hash, binding.RoutingKey);
        hash.AppendData(binding.Arguments.Bytes.Span);
        return new RowKey(TableOf(exchangeKey), Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private static void Append(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        hash.AppendData([(byte)bytes.Length]);
        hash.AppendData(bytes);
    }
}
