using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>HTTP/2 as octets (RFC 9113), with headers that are written out (RFC 7541, literals without indexing).</summary>
internal static class RawHttp2
{
    public const byte Data = 0, Headers = 1, Settings = 4, WindowUpdate = 8;
    public const byte EndStream = 1, EndHeaders = 4;

    public static readonly byte[] Preface = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8];

    public static byte[] Frame(byte type, byte flags, uint stream, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteUInt32BigEndian(frame, (uint)payload.Length << 8);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsSpan(9));
        return frame;
    }

    /// <summary>The beginning of a call of gRPC, on a connection that has had <see cref="Preface"/>.</summary>
    public static byte[] Call(uint stream, string path, params (string Name, string Value)[] more)
    {
        (string, string)[] fields =
        [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"), ("content-type", "application/grpc"), ("te", "trailers"), ("authorization", "Basic Z3Vlc3Q6Z3Vlc3Q="), .. more,
        ];
        return Frame(Headers, EndHeaders, stream, [.. fields.SelectMany(static field => (byte[])[0, .. Text(field.Item1), .. Text(field.Item2)])]);
    }

    /// <summary>A message of gRPC in a frame of its own.</summary>
    /// <param name="flags"><see cref="EndStream"/>: it is the last one.</param>
    public static byte[] Message(uint stream, IMessage message, byte flags = 0)
    {
        var bytes = message.ToByteArray();
        var prefix = new byte[5];
        BinaryPrimitives.WriteUInt32BigEndian(prefix.AsSpan(1), (uint)bytes.Length);
        return Frame(Data, flags, stream, [.. prefix, .. bytes]);
    }

    /// <summary>Says that no more comes, and waits until the server has closed the connection.</summary>
    public static async Task EndAsync(Socket socket, TimeSpan limit)
    {
        using var patience = new CancellationTokenSource(limit);
        try
        {
            socket.Shutdown(SocketShutdown.Send);
            var buffer = new byte[16 * 1024];
            while (await socket.ReceiveAsync(buffer, patience.Token) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // A reset is an end, too.
        }
    }

    private static byte[] Text(string text) => [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)];
}
