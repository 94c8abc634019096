using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace Granary.Testing.Wire;

/// <summary>An AMQP client that sends exactly the bytes it is told to, and shows every frame that comes back.</summary>
public sealed class WireConnection : IAsyncDisposable
{
    /// <summary>The protocol header of 0-9-1.</summary>
    public static readonly byte[] ProtocolHeader = [.. "AMQP"u8, 0, 0, 9, 1];

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);
    private readonly TcpClient _client;
    private readonly Stream _stream;

    private WireConnection(TcpClient client, Stream stream) => (_client, _stream) = (client, stream);

    /// <summary>Connects and, apart from TLS, sends nothing.</summary>
    /// <param name="receiveBuffer">What the system may keep for a client that does not read; 0 for as much as it likes.</param>
    /// <param name="tls">Agreed on first; null: no TLS.</param>
    public static async Task<WireConnection> ConnectAsync(int port, int receiveBuffer = 0, SslClientAuthenticationOptions? tls = null)
    {
        var client = new TcpClient { NoDelay = true };
        if (receiveBuffer > 0)
        {
            client.ReceiveBufferSize = receiveBuffer;
        }

        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port).ConfigureAwait(false);
            if (tls is null)
            {
                return new WireConnection(client, client.GetStream());
            }

            var encrypted = new SslStream(client.GetStream());
            await encrypted.AuthenticateAsClientAsync(tls).WaitAsync(Limit).ConfigureAwait(false);
            return new WireConnection(client, encrypted);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>Connects, opens the virtual host and channels 1 to <paramref name="channels"/>.</summary>
    /// <param name="before">What is sent before AMQP begins.</param>
    /// <param name="tls">Agreed on first; null: no TLS.</param>
    public static async Task<WireConnection> OpenAsync(
        int port, int channels = 1, int receiveBuffer = 0, byte[]? before = null, SslClientAuthenticationOptions? tls = null,
        string user = "guest", string password = "guest", string vhost = "/")
    {
        var connection = await ConnectAsync(port, receiveBuffer, tls).ConfigureAwait(false);
        try
        {
            await connection.SendAsync((byte[])[.. before ?? [], .. ProtocolHeader]).ConfigureAwait(false);
            await connection.ExpectAsync(10, 10).ConfigureAwait(false);
            await connection.LogInAsync(user, password, vhost).ConfigureAwait(false);
            for (ushort channel = 1; channel <= channels; channel++)
            {
                await connection.SendMethodAsync(channel, WireMethods.ChannelOpen()).ConfigureAwait(false);
                await connection.ExpectAsync(20, 11).ConfigureAwait(false);
            }

            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Goes on from connection.start to connection.open-ok.</summary>
    public async Task LogInAsync(string user = "guest", string password = "guest", string vhost = "/")
    {
        await SendMethodAsync(0, WireMethods.StartOk(user, password)).ConfigureAwait(false);
        await ExpectAsync(10, 30).ConfigureAwait(false);
        await SendMethodAsync(0, WireMethods.TuneOk()).ConfigureAwait(false);
        await SendMethodAsync(0, WireMethods.ConnectionOpen(vhost)).ConfigureAwait(false);
        await ExpectAsync(10, 41).ConfigureAwait(false);
    }

    /// <summary>Sends bytes as they are.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await _stream.WriteAsync(bytes).ConfigureAwait(false);

    /// <summary>Ends the sending half; the broker sees the end of the stream.</summary>
    public void EndSending() => _client.Client.Shutdown(SocketShutdown.Send);

    /// <summary>Sends one frame of any type.</summary>
    public Task SendFrameAsync(byte type, ushort channel, byte[] payload) => SendAsync(new WireFrame(type, channel, payload).ToBytes());

    /// <summary>Sends a method frame.</summary>
    public Task SendMethodAsync(ushort channel, byte[] method) => SendFrameAsync(WireFrame.MethodType, channel, method);

    /// <summary>Sends basic.publish with its header and, unless it is empty, one body frame.</summary>
    public async Task PublishAsync(ushort channel, byte[] publish, byte[] body, ushort flags = 0, byte[]? properties = null)
    {
        await SendMethodAsync(channel, publish).ConfigureAwait(false);
        await SendFrameAsync(WireFrame.HeaderType, channel, WireMethods.Header((ulong)body.Length, flags, properties)).ConfigureAwait(false);
        if (body.Length > 0)
        {
            await SendFrameAsync(WireFrame.BodyType, channel, body).ConfigureAwait(false);
        }
    }

    /// <summary>Sends a method and waits for the answer with these ids.</summary>
    public async Task<WireFrame> CallAsync(ushort channel, byte[] method, ushort classId, ushort methodId)
    {
        await SendMethodAsync(channel, method).ConfigureAwait(false);
        return await ExpectAsync(classId, methodId).ConfigureAwait(false);
    }

    /// <summary>The next frame that is not a heartbeat; null when the broker has closed the socket.</summary>
    public async Task<WireFrame?> ReadAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            var head = new byte[7];
            while (true)
            {
                await _stream.ReadExactlyAsync(head, limit.Token).ConfigureAwait(false);
                var rest = new byte[BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(3)) + 1];
                await _stream.ReadExactlyAsync(rest, limit.Token).ConfigureAwait(false);
                if (rest[^1] != WireFrame.End)
                {
                    throw new InvalidDataException($"The broker ended a frame with {rest[^1]:x2}.");
                }

                if (head[0] != WireFrame.HeartbeatType)
                {
                    return new WireFrame(head[0], BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(1)), rest[..^1]);
                }
            }
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"The broker sent nothing for {Limit}.");
        }
        catch (Exception e) when (e is EndOfStreamException or IOException)
        {
            return null;
        }
    }

    /// <summary>Everything the broker sends until it closes the socket.</summary>
    /// <exception cref="TimeoutException">The socket was still open after <paramref name="limit"/>.</exception>
    public async Task<byte[]> ReadToEndAsync(TimeSpan limit)
    {
        using var timer = new CancellationTokenSource(limit);
        var all = new MemoryStream();
        try
        {
            await _stream.CopyToAsync(all, timer.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"The broker kept the socket open for {limit}, after sending {all.Length} bytes.");
        }
        catch (IOException)
        {
            // A reset ends the stream as well as an orderly close does.
        }

        return all.ToArray();
    }

    /// <summary>Waits for the method with these ids; any other frame is an error that names it.</summary>
    public async Task<WireFrame> ExpectAsync(ushort classId, ushort methodId)
    {
        var frame = await ReadAsync().ConfigureAwait(false);
        return frame is not null && frame.Is(classId, methodId)
            ? frame
            : throw new InvalidDataException($"Expected method {classId}/{methodId}, got {Describe(frame)}.");
    }

    /// <summary>Waits for connection.close or channel.close and answers it; frames before it are passed over.</summary>
    public async Task<WireClose> ExpectCloseAsync()
    {
        while (await ReadAsync().ConfigureAwait(false) is { } frame)
        {
            if (WireClose.From(frame) is { } close)
            {
                var answer = close.Level == "channel" ? WireMethods.ChannelCloseOk() : WireMethods.ConnectionCloseOk();
                await SendMethodAsync(frame.Channel, answer).ConfigureAwait(false);
                return close;
            }
        }

        throw new InvalidDataException("The broker closed the socket without a close method.");
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string Describe(WireFrame? frame) =>
        frame is null ? "the end of the stream" : WireClose.From(frame)?.ToString() ?? frame.ToString();
}
