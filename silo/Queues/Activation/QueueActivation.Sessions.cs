using Granary.Core.Links;
using Granary.Silo.Ownership;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Activation;

/// <summary>What the next activation has to know of sessions that were given something of the queue.</summary>
internal sealed partial class QueueActivation
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(3);

    /// <summary>The sessions that have something of the queue, and may come again. Those of members that are gone will not.</summary>
    private async Task<Dictionary<SessionId, string?>> ReadSessionsAsync(Owners owners, Guid incarnation, CancellationToken cancellation)
    {
        var commit = _services.Stores.Durable!;
        var sessions = new Dictionary<SessionId, string?>();
        foreach (var row in await commit.Store.ReadRowsAsync(SessionRows.TableOf(_key), cancellation).ConfigureAwait(false))
        {
            var (of, session, member) = SessionRows.Parse(row);
            if (of == incarnation && await MayComeAsync(owners, member, cancellation).ConfigureAwait(false))
            {
                sessions.Add(session, member);
            }
            else
            {
                _ = RemoveSessionsAsync(commit, [session]);
            }
        }

        return sessions;
    }

    /// <summary>
    /// Sessions of the member may come, or may still deliver what they hold. That it is dead may be in the list of members before this process is told, and waits for the end of what it may deliver.
    /// </summary>
    private async ValueTask<bool> MayComeAsync(Owners owners, string member, CancellationToken cancellation) =>
        !await owners.IsGoneAsync(member, cancellation).ConfigureAwait(false) || _services.Members?.Find(member) is not null || _services.Local.MayDeliver(member);

    /// <summary>Asks those who had the sessions that are waited for which have ended: that need not have been stored any more.</summary>
    private void AskForSessions()
    {
        if (_slot is { Register: { } register, Declared.IsRecovering: true })
        {
            foreach (var sessions in register.Known.GroupBy(register.MemberOf))
            {
                _ = AskForSessionsAsync(sessions.Key ?? "", [.. sessions]);
            }
        }
    }

    private async Task AskForSessionsAsync(string member, SessionId[] sessions)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        SessionId[] gone;
        try
        {
            gone = _services.Losses is { } here && here.Own == member ? here.Sessions.FindGone(sessions)
                : _services.Members?.Find(member) is { } there ? await there.FindGoneSessionsAsync(sessions).WaitAsync(AnswerLimit, _services.Time).ConfigureAwait(false)
                : [];
        }
        catch (Exception exception)
        {
            // Of the version before, or it hangs: all of them are waited for.
            LogSessionsNotFound(_services.Log, exception, member, _name, _vhost);
            return;
        }

        if (gone.Length > 0)
        {
            _turns.TryRun((this, gone), static ended => ended.Item1._slot.AwaitNoMore(ended.gone, ended.Item1.Now));
        }
    }

    /// <summary>Writes down whom the queue gives something; they are given it when that is stored.</summary>
    private void StoreSessions(SessionRegister register)
    {
        if (!register.HasChanges || _services.Stores.Durable is not { } commit)
        {
            return;
        }

        if (register.Over.Count > 0)
        {
            _ = RemoveSessionsAsync(commit, [.. register.Over]);
            register.Over.Clear();
        }

        if (register.Unwritten.Count > 0 && _slot.Declared is { } queue)
        {
            _ = AddSessionsAsync(commit, queue, [.. register.Unwritten]);
        }

        register.Unwritten.Clear();
    }

    private async Task AddSessionsAsync(GroupCommit commit, IDeclaredQueue queue, KeyValuePair<SessionId, string?>[] sessions)
    {
        try
        {
            await Task.WhenAll(sessions.Select(session => commit.WriteAsync(SessionRows.Added(_key, queue.Incarnation, session.Key, session.Value)))).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The node stops: the sessions go on with the next activation.
            LogSessionsNotStored(_services.Log, exception, _name, _vhost);
            return;
        }

        _turns.TryRun((this, queue, sessions), static added =>
        {
            if (added.Item1._slot.Declared == added.queue)
            {
                added.Item1._slot.Registered(added.sessions, added.Item1.Now);
            }
            else
            {
                _ = added.Item1.RemoveSessionsAsync(added.Item1._services.Stores.Durable!, [.. added.sessions.Select(session => session.Key)]);
            }
        });
    }

    private async Task RemoveSessionsAsync(GroupCommit commit, SessionId[] sessions)
    {
        try
        {
            await Task.WhenAll(sessions.Select(session => commit.WriteAsync(SessionRows.Removed(_key, session)))).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The next activation waits for them for a while, in vain.
            LogSessionsNotStored(_services.Log, exception, _name, _vhost);
        }
    }

    // They are told, and come to the next activation; until then it gives nobody what they hold.
    private void LeaveSessions()
    {
        if (_slot.Queue is { Storage.IsDurable: true } queue && _services.Owners is null)
        {
            _services.Stores.LeaveSessions(new QueueIdentity(_key, queue.Incarnation), _slot.Sessions);
        }
    }
}
