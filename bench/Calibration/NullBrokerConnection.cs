using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Granary.Bench.Amqp;

namespace Granary.Bench.Calibration;

/// <summary>One connection of the broker that does nothing.</summary>
internal sealed class NullBrokerConnection(Socket socket, NullBroker broker)
{
    private const int FrameMax = 131072;
    private const int HeaderLength = 8;

    /// <summary>A queue of this name cannot be declared: to try out how a refusal is told.</summary>
    private const string Forbidden = "forbidden";

    private readonly FrameReader _reader = new(socket, 256 * 1024);
    private readonly FrameWriter _out = new();
    private readonly Lock _sending = new();
    private NullQueue? _target;
    private string _targetName = "";
    private int _targetCount;
    private int _size;
    private long _left;
    private long _stamp;
    private bool _confirms;
    private ulong _published;
    private ulong _confirmed;
    private volatile bool _closed;

    public void Run()
    {
        try
        {
            ReadHeader();
            _out.Method(0, Method.ConnectionStart).U8(0).U8(9).Table().LongString("PLAIN").LongString("en_US").End();
            Flush();
            while (!_closed)
            {
                while (!_closed && _reader.TryRead(out var frame))
                {
                    OnFrame(frame);
                }

                Count();
                Flush();
                _ = _closed || _reader.Fill();
            }
        }
        catch (Exception error) when (error is BrokerException or SocketException or ObjectDisposedException)
        {
            // The generator has gone, with or without a word: the connection is over either way.
            _closed = true;
        }
        finally
        {
            _closed = true;
            socket.Dispose();
        }
    }

    private void ReadHeader()
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        for (var got = 0; got < HeaderLength;)
        {
            var count = socket.Receive(header[got..]);
            if (count == 0)
            {
                throw new BrokerException("no protocol header");
            }

            got += count;
        }
    }

    private void OnFrame(Frame frame)
    {
        if (frame.Type == Frame.BodyType)
        {
            if (_left == _size && frame.Payload.Length >= sizeof(long))
            {
                _stamp = BinaryPrimitives.ReadInt64LittleEndian(frame.Payload);
            }

            _left -= frame.Payload.Length;
            _targetCount += _left == 0 ? 1 : 0;
        }
        else if (frame.Type == Frame.HeaderType)
        {
            _size = (int)frame.BodySize;
            _left = _size;
            _targetCount += _size == 0 ? 1 : 0;
        }
        else if (frame.IsMethod(Method.BasicPublish))
        {
            OnPublish(frame.Arguments[2..]);
        }
        else
        {
            OnMethod(frame);
        }
    }

    private void OnPublish(ReadOnlySpan<byte> arguments)
    {
        var key = arguments.Slice(2 + arguments[0], arguments[1 + arguments[0]]);
        _published++;
        if (_target is null || !Encoding.UTF8.GetBytes(_targetName).AsSpan().SequenceEqual(key))
        {
            Count();
            _targetName = Encoding.UTF8.GetString(key);
            _target = broker.Queue(_targetName);
        }
    }

    private void OnMethod(Frame frame)
    {
        switch (frame.Method)
        {
            case Method.ConnectionStartOk:
                _out.Method(0, Method.ConnectionTune).U16(2047).U32(FrameMax).U16(0).End();
                break;
            case Method.ConnectionOpen:
                _out.Method(0, Method.ConnectionOpenOk).ShortString("").End();
                break;
            case Method.ConnectionClose:
                Answer(0, Method.ConnectionCloseOk);
                Flush();
                _closed = true;
                break;
            case Method.ChannelOpen:
                _out.Method(1, Method.ChannelOpenOk).U32(0).End();
                break;
            case Method.QueueDeclare:
                OnDeclare(Name(frame));
                break;
            case Method.QueuePurge:
                broker.Delete(Name(frame));
                _out.Method(1, Method.QueuePurgeOk).U32(0).End();
                break;
            case Method.QueueDelete:
                broker.Delete(Name(frame));
                _out.Method(1, Method.QueueDeleteOk).U32(0).End();
                break;
            case Method.BasicQos:
                Answer(1, Method.BasicQosOk);
                break;
            case Method.ConfirmSelect:
                _confirms = true;
                Answer(1, Method.ConfirmSelectOk);
                break;
            case Method.BasicConsume:
                OnConsume(Name(frame));
                break;
            case Method.ConnectionTuneOk or Method.BasicAck or Method.ChannelCloseOk:
                break;
            default:
                _out.Method(0, Method.ConnectionClose).U16(540).ShortString("NOT_IMPLEMENTED - nothing is routed here").U32(frame.Method).End();
                break;
        }
    }

    private void OnDeclare(string name)
    {
        if (name.StartsWith(Forbidden, StringComparison.Ordinal))
        {
            _out.Method(1, Method.ChannelClose).U16(403).ShortString($"ACCESS_REFUSED - queue '{name}'").U32(Method.QueueDeclare).End();
            return;
        }

        _out.Method(1, Method.QueueDeclareOk).ShortString(name).U32(0).U32(0).End();
    }

    private void OnConsume(string name)
    {
        _out.Method(1, Method.BasicConsumeOk).ShortString(name).End();
        Flush();
        var queue = broker.Queue(name);
        new Thread(() => new NullDeliveries(queue, name).Run(Send, () => _closed)) { IsBackground = true }.Start();
    }

    private void Answer(ushort channel, uint method) => _out.Method(channel, method).End();

    private static string Name(Frame frame) => Encoding.UTF8.GetString(frame.Arguments.Slice(3, frame.Arguments[2]));

    /// <summary>Hands over what came in since the last time, and confirms it.</summary>
    private void Count()
    {
        if (_targetCount > 0)
        {
            _target?.Add(_targetCount, _size, _stamp);
            _targetCount = 0;
        }

        var whole = _published - (_left > 0 ? 1UL : 0);
        if (_confirms && whole > _confirmed)
        {
            _confirmed = whole;
            _out.Method(1, Method.BasicAck).U64(_confirmed).U8(1).End();
        }
    }

    private void Flush()
    {
        Send(_out.Written);
        _out.Clear();
    }

    private void Send(ReadOnlySpan<byte> bytes)
    {
        lock (_sending)
        {
            while (!bytes.IsEmpty)
            {
                bytes = bytes[socket.Send(bytes)..];
            }
        }
    }
}
