using Granary.Crash.Ledger;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Crash.Load;

/// <summary>The messages of a channel that wait for their confirm.</summary>
internal sealed class Confirms
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private readonly Lock _gate = new();
    private readonly SortedDictionary<ulong, MessageId> _pending = [];
    private readonly Action<MessageId, Fate> _decide;
    private TaskCompletionSource _changed = NewSource();
    private ShutdownEventArgs? _shutdown;
    private ulong _tag;

    public Confirms(IChannel channel, Action<MessageId, Fate> decide)
    {
        _decide = decide;
        channel.BasicAcksAsync += (_, e) => Settle(e.DeliveryTag, e.Multiple, Fate.Confirmed);
        channel.BasicNacksAsync += (_, e) => Settle(e.DeliveryTag, e.Multiple, Fate.Refused);
        channel.ChannelShutdownAsync += OnShutdownAsync;
    }

    /// <summary>The next message that is published on the channel.</summary>
    public void Add(MessageId id)
    {
        lock (_gate)
        {
            _pending.Add(++_tag, id);
        }
    }

    /// <summary>Waits until no more than so many wait for their confirm.</summary>
    /// <exception cref="IOException">The channel ended before.</exception>
    /// <exception cref="ConfirmsMissingException">The broker answered nothing for 90 s.</exception>
    public async Task WaitUntilAsync(int most)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_shutdown is { } shutdown)
                {
                    throw new IOException($"The channel ended: {shutdown.ReplyText}");
                }

                if (_pending.Count <= most)
                {
                    return;
                }

                changed = _changed.Task;
            }

            try
            {
                await changed.WaitAsync(Limit);
            }
            catch (TimeoutException)
            {
                throw new ConfirmsMissingException($"no confirm for {Limit}, {_pending.Count} messages wait for theirs, the first of them is {_pending.First().Value}");
            }
        }
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Task Settle(ulong tag, bool multiple, Fate fate)
    {
        lock (_gate)
        {
            var settled = multiple ? _pending.Keys.TakeWhile(key => key <= tag).ToArray() : [tag];
            foreach (var key in settled)
            {
                if (!_pending.Remove(key, out var id))
                {
                    throw new InvalidOperationException($"The broker confirmed {key}, which does not wait for it.");
                }

                _decide(id, fate);
            }
        }

        Interlocked.Exchange(ref _changed, NewSource()).TrySetResult();
        return Task.CompletedTask;
    }

    private Task OnShutdownAsync(object sender, ShutdownEventArgs shutdown)
    {
        lock (_gate)
        {
            _shutdown = shutdown;
        }

        Interlocked.Exchange(ref _changed, NewSource()).TrySetResult();
        return Task.CompletedTask;
    }
}

/// <summary>A broker that is there and does not confirm.</summary>
internal sealed class ConfirmsMissingException(string message) : Exception(message);
