using Grpc.Core;

namespace Grpc.Protocol;

/// <summary>Metadata entries as header values: bytes in base64, of which a peer may leave out the padding.</summary>
internal static class MetadataText
{
    public static string Format(Metadata.Entry entry) => entry.IsBinary ? Convert.ToBase64String(entry.ValueBytes) : entry.Value;

    public static void Add(Metadata metadata, string name, string value)
    {
        if (!name.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.OrdinalIgnoreCase))
        {
            metadata.Add(name, value);
            return;
        }

        foreach (var part in value.Split(',', StringSplitOptions.TrimEntries))
        {
            metadata.Add(name, Decode(part));
        }
    }

    private static byte[] Decode(string base64)
    {
        try
        {
            return Convert.FromBase64String(base64.PadRight((base64.Length + 3) / 4 * 4, '='));
        }
        catch (FormatException exception)
        {
            throw new RpcException(new Status(StatusCode.Internal, "Invalid base64 in binary metadata.", exception));
        }
    }
}
