using Granary.Core.Links;

namespace Granary.Testing.Unkind;

/// <summary>Does to the packets that go to and from queues of this process without calls what <see cref="UnkindCalls"/> does to calls.</summary>
/// <param name="queues">Where the packets go.</param>
/// <param name="fates">What happens to each packet, upward and downward, and to each answer.</param>
public sealed class UnkindLocalQueues(ILocalQueues queues, Fates fates) : ILocalQueues
{
    /// <inheritdoc/>
    public ILocalQueue? Find(string key) => queues.Find(key) is { } queue ? new Queue(queue, fates) : null;

    private static void After(TimeSpan delay, Action act)
    {
        if (delay == TimeSpan.Zero)
        {
            act();
        }
        else
        {
            _ = LaterAsync(delay, act);
        }
    }

    private static async Task LaterAsync(TimeSpan delay, Action act)
    {
        await Task.Delay(delay).ConfigureAwait(false);
        act();
    }

    private sealed class Queue(ILocalQueue queue, Fates fates) : ILocalQueue
    {
        public bool TrySend(LinkUp up, ILocalLink link)
        {
            var (fate, delay) = fates.Draw();
            if (fate == Fate.Kind && delay == TimeSpan.Zero)
            {
                return queue.TrySend(up, new Back(link, fates, fate));
            }

            // Taken, as far as the link knows: what comes of it is told later.
            After(delay, () =>
            {
                if (fate == Fate.Lost || !queue.TrySend(up, new Back(link, fates, fate)))
                {
                    link.Fail();
                }
                else if (fate == Fate.Twice)
                {
                    queue.TrySend(up, new Back(link, fates, Fate.Lost));
                }
            });
            return true;
        }
    }

    /// <summary>The way back of one packet. A link hears of each packet that it sends once, however often that arrived.</summary>
    private sealed class Back(ILocalLink link, Fates fates, Fate fate) : ILocalLink
    {
        public void Answer(in LinkAnswer answer)
        {
            var (_, delay) = fates.Draw();
            var told = answer;
            if (fate != Fate.Lost)
            {
                After(delay, fate == Fate.AnswerLost ? link.Fail : () => link.Answer(told));
            }
        }

        public void Fail()
        {
            if (fate != Fate.Lost)
            {
                link.Fail();
            }
        }

        public void Receive(LinkDown down)
        {
            // There is no answer to lose: the packet is lost instead.
            var (drawn, delay) = fates.Draw();
            if (drawn is Fate.Kind or Fate.Twice)
            {
                After(delay, () =>
                {
                    link.Receive(down);
                    if (drawn == Fate.Twice)
                    {
                        link.Receive(down);
                    }
                });
            }
        }
    }
}
