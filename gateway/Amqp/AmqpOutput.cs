using System.Buffers;
using System.IO.Pipelines;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Sockets;
using Granary.Gateway.Tls;

namespace Granary.Gateway.Amqp;

/// <summary>
/// The outgoing half of a connection. Used under the connection's gate; only one flush is under way at a time, and while one is, what is written
/// gathers for the next.
/// </summary>
/// <param name="lease">While it is over nothing is delivered; null: it never is.</param>
internal sealed class AmqpOutput(PipeWriter pipe, int frameMax, SendWatch watch, LinkSet links, Action lost, GatewayLease? lease = null)
{
    // Encoded at a time: large enough to pay for a flush, small enough to be sent before it leaves the cache.
    private const int DeliveryBudget = 64 * 1024;

    // Answers that the client has asked for and does not read: beyond this its requests are not read either. Deliveries stop long before.
    private const long UnsentLimit = 16 * 1024 * 1024;

    // Outcomes of publishes that wait to be written: beyond this no more publishes are read. About as many as may be without one yet.
    private const int MostOutcomes = 32 * 1024;

    private readonly List<PublishOutcomes> _confirmsDue = [];

    // Kestrel's own transport does not say how far it has got with a flush.
    private readonly SocketOutput? _socket = (pipe is TlsOutput tls ? tls.Encrypted : pipe) as SocketOutput;
    private TaskCompletionSource? _room;
    private long _flushes;
    private int _outcomes;
    private bool _flushing;
    private bool _isLost;

    public DeliveryWriter Deliveries { get; } = new(pipe, frameMax);

    /// <summary>Something was sent since the flag was last cleared: no heartbeat is due.</summary>
    public bool HasSent { get; set; }

    /// <summary>What the socket took.</summary>
    public SocketTraffic Sent => _socket?.Traffic ?? default;

    /// <summary>Octets that wait for the socket.</summary>
    public long UnsentBytes => _socket?.UnsentBytes ?? 0;

    /// <summary>The client does not read what it is answered. May be asked without the gate: a late answer is put right after the next read.</summary>
    public bool IsBackedUp => _flushing && !_isLost && (pipe.UnflushedBytes > UnsentLimit || Volatile.Read(ref _outcomes) > MostOutcomes);

    /// <summary>The client has taken nothing for too long. To be asked regularly.</summary>
    public bool IsStuck() => _socket is { } socket
        ? watch.IsStuck(socket.UnsentBytes > 0, socket.Traffic.Octets)
        : watch.IsStuck(_flushing && !_isLost, _flushes);

    public void Write<T>(ushort channel, in T method)
        where T : struct, IMethod => MethodFrame.Write(pipe, channel, method);

    public void WriteHeartbeat() => pipe.Write(Frame.Heartbeat);

    /// <summary>A channel has confirms to be written with the next flush.</summary>
    public void ConfirmsDue(PublishOutcomes outcomes) => _confirmsDue.Add(outcomes);

    /// <summary>The channel has gone, and with it those who waited for its confirms.</summary>
    public void ConfirmsNotDue(PublishOutcomes outcomes) => _confirmsDue.Remove(outcomes);

    /// <summary>One more outcome of a publish is known and not written.</summary>
    public void OutcomeWaits() => _outcomes++;

    /// <summary>So many outcomes need not be kept any more.</summary>
    public void OutcomesTaken(int count) => _outcomes -= count;

    /// <summary>Writes what is due and sends it, unless a flush is under way: then its end comes here again.</summary>
    public void Flush()
    {
        while (!_flushing)
        {
            foreach (var outcomes in _confirmsDue)
            {
                outcomes.WriteConfirms(this);
            }

            _confirmsDue.Clear();
            if (Deliveries.HasPending && lease is not { IsOver: true })
            {
                Deliveries.WriteSome(DeliveryBudget);
            }

            if (pipe.UnflushedBytes == 0)
            {
                return;
            }

            HasSent = true;
            _flushes++;
            var flush = pipe.FlushAsync();
            if (!flush.IsCompleted)
            {
                _flushing = true;
                _ = FinishFlushAsync(flush.AsTask());
            }
            else if (!IsSent(flush))
            {
                return;
            }
        }
    }

    /// <summary>Completes when the client has read on, or is gone. Takes the gate.</summary>
    public Task WaitForRoomAsync()
    {
        lock (links.Gate)
        {
            if (!IsBackedUp)
            {
                return Task.CompletedTask;
            }

            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task;
        }
    }

    private async Task FinishFlushAsync(Task<FlushResult> flush)
    {
        await ((Task)flush).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (links.Gate)
        {
            if (IsSent(new ValueTask<FlushResult>(flush)))
            {
                _flushing = false;
                Flush();
                links.Flush();
            }

            _room?.TrySetResult();
            _room = null;
        }
    }

    // False when the client is gone; nothing is written any more then.
    private bool IsSent(ValueTask<FlushResult> flush)
    {
        if (flush.IsCompletedSuccessfully && flush.Result is { IsCompleted: false, IsCanceled: false })
        {
            return true;
        }

        _flushing = _isLost = true;
        lost();
        return false;
    }
}
