using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;

namespace Granary.Bench.Amqp;

/// <summary>A blocking AMQP connection with channel 1 open: the leanest client that a measurement can have.</summary>
internal sealed class AmqpConnection : IDisposable
{
    public const ushort Channel = 1;
    private const uint WantedFrameMax = 131072;
    private const int DefaultBuffer = 256 * 1024;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);

    private readonly Socket _socket;
    private readonly TimeSpan _patience;
    private readonly FrameWriter _out = new();

    private AmqpConnection(Socket socket, TimeSpan patience, int bufferSize)
    {
        _socket = socket;
        _patience = patience;
        Reader = new FrameReader(socket, bufferSize);
    }

    public FrameReader Reader { get; }

    public Socket Socket => _socket;

    /// <summary>The most that one body frame may carry.</summary>
    public int MaxPayload { get; private set; }

    public static AmqpConnection Open(Endpoint endpoint, TimeSpan patience, int bufferSize = DefaultBuffer)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var connection = new AmqpConnection(socket, patience, bufferSize);
        try
        {
            socket.SendTimeout = (int)patience.TotalMilliseconds;
            socket.ReceiveTimeout = (int)Tick.TotalMilliseconds;
            socket.Connect(endpoint.Host, endpoint.Port);
            connection.Handshake(endpoint);
            return connection;
        }
        catch (SocketException error)
        {
            connection.Dispose();
            throw new BrokerException($"cannot connect to {endpoint.Host}:{endpoint.Port}: {error.Message}", error);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Starts a method on channel 1; send it with <see cref="Flush"/> or <see cref="Call"/>.</summary>
    public FrameWriter Begin(uint method) => _out.Method(Channel, method);

    /// <summary>Sends what was begun and waits for the answer.</summary>
    public Frame Call(uint answer)
    {
        Flush();
        return Expect(answer);
    }

    public void Flush()
    {
        Send(_out.Written);
        _out.Clear();
    }

    public void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var sent = _socket.Send(bytes, SocketFlags.None, out var error);
            if (error is SocketError.TimedOut or SocketError.WouldBlock)
            {
                throw new StalledException($"the broker took no bytes for {_patience.TotalSeconds:0} s");
            }

            if (error != SocketError.Success)
            {
                ThrowParting(error);
            }

            bytes = bytes[sent..];
        }
    }

    /// <summary>Waits for a method, skipping everything else but a close, which is thrown.</summary>
    public Frame Expect(uint method)
    {
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            while (Reader.TryRead(out var frame))
            {
                if (frame.IsMethod(method))
                {
                    return frame;
                }

                frame.ThrowIfClose();
            }

            if (!Reader.Fill() && Stopwatch.GetElapsedTime(since) > _patience)
            {
                throw new StalledException($"the broker did not answer with {method >> 16}.{method & 0xFFFF} within {_patience.TotalSeconds:0} s");
            }
        }
    }

    /// <summary>Says goodbye and waits for the answer, so that everything sent before was handled.</summary>
    public void Close()
    {
        _out.Method(0, Method.ConnectionClose).U16(200).ShortString("done").U16(0).U16(0).End();
        Call(Method.ConnectionCloseOk);
    }

    public void Dispose() => _socket.Dispose();

    private void Handshake(Endpoint endpoint)
    {
        Send("AMQP\0\0\x09\x01"u8);
        Expect(Method.ConnectionStart);
        // The capability makes the broker say why it refuses a login, instead of just closing the socket.
        const string Capability = "authentication_failure_close";
        _out.Method(0, Method.ConnectionStartOk)
            .U32(18 + 3 + (uint)Capability.Length).ShortString("capabilities").U8((byte)'F')
            .U32(3 + (uint)Capability.Length).ShortString(Capability).U8((byte)'t').U8(1)
            .ShortString("PLAIN").LongString($"\0{endpoint.User}\0{endpoint.Password}").ShortString("en_US").End();
        var tune = Call(Method.ConnectionTune).Arguments;
        var channelMax = BinaryPrimitives.ReadUInt16BigEndian(tune);
        var offered = BinaryPrimitives.ReadUInt32BigEndian(tune[2..]);
        var frameMax = offered == 0 ? WantedFrameMax : Math.Min(offered, WantedFrameMax);
        MaxPayload = (int)frameMax - Frame.Overhead;
        _out.Method(0, Method.ConnectionTuneOk).U16(channelMax).U32(frameMax).U16(0).End();
        _out.Method(0, Method.ConnectionOpen).ShortString(endpoint.VirtualHost).ShortString("").U8(0).End();
        Call(Method.ConnectionOpenOk);
        Begin(Method.ChannelOpen).ShortString("").End();
        Call(Method.ChannelOpenOk);
    }

    /// <summary>A send failed: the reason is what the broker said before it went, if it said something.</summary>
    private void ThrowParting(SocketError error)
    {
        do
        {
            while (Reader.TryRead(out var frame))
            {
                frame.ThrowIfClose();
            }
        }
        while (Reader.Fill());

        throw new BrokerException($"the connection to the broker is lost ({error})");
    }
}
