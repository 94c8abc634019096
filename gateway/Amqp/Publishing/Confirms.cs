using Granary.Amqp.Methods;
using Granary.Core.Messages;
using Granary.Gateway.Links;

namespace Granary.Gateway.Amqp.Publishing;

/// <summary>
/// Publisher confirms of one channel. Runs that settle in order are confirmed together (multiple); one that settles before an earlier one is
/// confirmed message by message, as RabbitMQ does.
/// </summary>
internal sealed class Confirms
{
    private readonly OpenRuns _open = new();
    private readonly List<PublishRun> _early = [];
    private ulong _lastTag;

    /// <summary>Runs that are kept.</summary>
    public int Open => _open.Count;

    /// <summary>Messages that nothing was said of yet: a look at each run.</summary>
    public int Unconfirmed => _open.Untold;

    /// <summary>Runs whose outcome is known and not written yet.</summary>
    public int Waiting => _early.Count;

    /// <summary>Numbers a batch and follows it.</summary>
    public PublishRun Track(IPublishOwner owner, in MessageBatch batch, bool mandatory, int targets)
    {
        var run = new PublishRun(owner, _lastTag + 1, batch, mandatory, targets);
        _lastTag += (ulong)batch.Count;
        _open.Add(run);
        return run;
    }

    public void Settled(PublishRun run) => _early.Add(run);

    /// <summary>Nobody is told any more.</summary>
    public void Forget() => _early.Clear();

    /// <summary>Writes all that can be said now; how many messages were confirmed by it.</summary>
    public int Write(AmqpOutput output, ushort channel)
    {
        var confirmed = 0;
        ulong through = 0;
        var single = true;
        while (_open.TryTakeSettled(out var run))
        {
            if (run.IsAnnounced)
            {
                continue;
            }

            if (run.AnyRefused)
            {
                WriteThrough(output, channel, ref through, ref single);
                confirmed += WriteEach(output, channel, run);
            }
            else
            {
                confirmed += run.Count;
                single = through == 0 && run.FirstTag == run.LastTag;
                through = run.LastTag;
            }
        }

        WriteThrough(output, channel, ref through, ref single);
        if (_open.TryPeek(out var head))
        {
            foreach (var run in _early)
            {
                if (run.FirstTag > head.FirstTag)
                {
                    confirmed += WriteEach(output, channel, run);
                    _open.Announce(run);
                }
            }
        }

        _early.Clear();
        return confirmed;
    }

    private static void WriteThrough(AmqpOutput output, ushort channel, ref ulong through, ref bool single)
    {
        if (through != 0)
        {
            output.Write(channel, new BasicAck(through, Multiple: !single));
        }

        (through, single) = (0, true);
    }

    private static int WriteEach(AmqpOutput output, ushort channel, PublishRun run)
    {
        var confirmed = 0;
        for (var i = 0; i < run.Count; i++)
        {
            var tag = run.FirstTag + (ulong)i;
            if (run.IsRefused(i))
            {
                output.Write(channel, new BasicNack(tag, Multiple: false, Requeue: false));
            }
            else
            {
                output.Write(channel, new BasicAck(tag, Multiple: false));
                confirmed++;
            }
        }

        return confirmed;
    }
}
