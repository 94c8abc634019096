using Granary.Core.Members;
using Granary.Core.Messages;
using Granary.Core.Threads;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Amqp.DirectReply;

/// <summary>
/// The replies of this gateway's clients to those of another one. One call is under way at a time, so that they stay in order, and what comes meanwhile goes with
/// the next. A call that fails is made again under its number, by which the other gateway knows that it has been there.
/// </summary>
/// <param name="dropped">Told how many replies did not get to the gateway.</param>
internal sealed partial class ReplyRoute(string gateway, IMembers members, TimeProvider clock, ILogger log, Action<int> dropped)
{
    // While more waits, those who reply are held.
    private const long MostWaiting = 4 * 1024 * 1024;

    // So much goes with one call, or one larger reply.
    private const int MostTogether = MessageBatch.ChunkSize;

    // A gateway that lives and does not answer for so long is as good as gone: the others are about to find out, or it cannot be reached from here alone.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan AgainAfter = TimeSpan.FromMilliseconds(250);

    private readonly Lock _gate = new();
    private readonly Queue<Waiting> _waiting = new();
    private long _bytes;
    private long _number;
    private bool _isSending;
    private bool _hasEnded;
    private TaskCompletionSource? _room;

    public bool IsFull => Volatile.Read(ref _bytes) > MostWaiting;

    /// <summary>Never waits.</summary>
    /// <param name="told">Called on another thread, when it is known whether the requester was there to take it.</param>
    public void Post(in MessageBatch reply, Action<bool>? told)
    {
        lock (_gate)
        {
            _waiting.Enqueue(new Waiting(reply, told));
            _bytes += reply.Records.Length;
            if (_isSending)
            {
                return;
            }

            _isSending = true;
        }

        _ = Task.Run(SendAllAsync);
    }

    /// <summary>Whether somebody waits there. False as well when the gateway does not answer.</summary>
    public async Task<bool> IsWaitingAsync(string address)
    {
        try
        {
            return members.Find(gateway) is { } service && await RunningTime.WaitAsync(service.IsWaitingAsync(address), Patience, clock, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            LogNotAnswered(log, exception, gateway);
            return false;
        }
    }

    /// <summary>Completes when little enough waits.</summary>
    public Task WaitForRoomAsync()
    {
        lock (_gate)
        {
            if (_bytes <= MostWaiting)
            {
                return Task.CompletedTask;
            }

            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task;
        }
    }

    /// <summary>The gateway is gone.</summary>
    public void End() => Volatile.Write(ref _hasEnded, true);

    private async Task SendAllAsync()
    {
        List<Waiting> together = [];
        while (TryTake(together))
        {
            var missing = await TellAsync(++_number, Join(together)).ConfigureAwait(false);
            var at = 0;
            foreach (var (reply, told) in together)
            {
                var isTaken = missing is not null && !missing.AsSpan().Contains(at++);
                told?.Invoke(isTaken);
            }

            together.Clear();
        }
    }

    // False when nothing waits, and then whoever comes next has it sent.
    private bool TryTake(List<Waiting> together)
    {
        lock (_gate)
        {
            var length = 0;
            while (_waiting.TryPeek(out var next) && (together.Count == 0 || length + next.Reply.Records.Length <= MostTogether))
            {
                length += next.Reply.Records.Length;
                together.Add(_waiting.Dequeue());
            }

            _bytes -= length;
            _isSending = together.Count > 0;
            if (_room is { } room && _bytes <= MostWaiting / 2)
            {
                _room = null;
                room.SetResult();
            }

            return _isSending;
        }
    }

    private static MessageBatch Join(List<Waiting> together)
    {
        if (together.Count == 1)
        {
            return together[0].Reply;
        }

        var records = new byte[together.Sum(waiting => waiting.Reply.Records.Length)];
        var (at, flags) = (0, MessageFlags.None);
        foreach (var (reply, _) in together)
        {
            reply.Records.CopyTo(records.AsMemory(at));
            at += reply.Records.Length;
            flags |= reply.Flags;
        }

        return new MessageBatch(records, together.Count, flags);
    }

    /// <returns>Which were not taken; null: none was.</returns>
    private async Task<int[]?> TellAsync(long number, MessageBatch replies)
    {
        var time = new RunningTime(clock);
        while (!Volatile.Read(ref _hasEnded) && members.Find(gateway) is { } service && time.Elapsed < Patience)
        {
            try
            {
                var posted = service.PostAsync(members.Own, number, replies);
                await time.WaitAsync(posted, Patience, CancellationToken.None).ConfigureAwait(false);
                return (await posted.ConfigureAwait(false)).Missing ?? [];
            }
            catch (Exception exception)
            {
                LogNotAnswered(log, exception, gateway);
                await Task.Delay(AgainAfter, clock).ConfigureAwait(false);
                time.Look();
            }
        }

        dropped(replies.Count);
        return null;
    }

    [LoggerMessage(1230, LogLevel.Debug, "Gateway {Gateway} has not answered to direct replies")]
    private static partial void LogNotAnswered(ILogger logger, Exception exception, string gateway);

    /// <summary>One reply each.</summary>
    private readonly record struct Waiting(MessageBatch Reply, Action<bool>? Told);
}
