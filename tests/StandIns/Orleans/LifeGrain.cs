using Orleans.Concurrency;

namespace Granary.StandIns.Tests;

[GenerateSerializer]
public sealed class Note
{
    [Id(0)]
    public List<string> Lines { get; set; } = [];

    [Id(1)]
    public byte[] Bytes { get; set; } = [];

    public string Unmarked { get; set; } = "as new";
}

[GenerateSerializer, Immutable]
public sealed record Chunk([property: Id(0)] byte[] Bytes);

public interface ILifeGrain : IGrainWithStringKey
{
    Task<int> ActivationAsync();

    Task EndAsync();

    Task EndWhileAsync(string gate);

    Task StartTimerAsync(int ticks, bool interleave);

    Task WriteAsync(string line);

    Task<Note> ReadAsync();

    Task<bool> ExistsAsync();

    Task ClearAsync();

    Task KeepAsync(Note note);

    Task<Note> KeptAsync();

    ValueTask<bool> IsSameAsync([Immutable] byte[] marked, Immutable<byte[]> wrapped, Chunk chunk);

    ValueTask KeepBytesAsync(byte[] bytes);

    ValueTask<byte[]> KeptBytesAsync();

    Task UnmarkedAsync(object plain);
}

public interface IFailingGrain : IGrainWithStringKey
{
    Task NothingAsync();
}

public interface ILeavingGrain : IGrainWithStringKey
{
    /// <summary>Whether the activation that answers had asked for its end before.</summary>
    Task<bool> IsLeftAsync(bool leave);
}

public interface IKeptGrain : IGrainWithStringKey
{
    Task<int> ActivationAsync();
}

internal sealed class LifeGrain(Journal journal, [PersistentState("note", "memory")] IPersistentState<Note> state) : Grain, ILifeGrain
{
    private readonly List<byte[]> _bytes = [];
    private Note _kept = new();
    private int _ticks;

    private string Key => this.GetPrimaryKeyString();

    /// <summary>What the test shares with the grain to see whether an argument is the same object.</summary>
    public static byte[] Shared { get; } = [1, 2, 3];

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        journal.Add($"activate {Key}");
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        journal.Add($"deactivate {Key} {reason.ReasonCode}");
        return Task.CompletedTask;
    }

    public Task<int> ActivationAsync() => Task.FromResult(journal.Count($"activate {Key}"));

    public Task EndAsync()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public async Task EndWhileAsync(string gate)
    {
        DeactivateOnIdle();
        journal.Add($"ending {gate}");
        await journal.WaitForAsync(gate);
        journal.Add($"ended {gate}");
    }

    public Task StartTimerAsync(int ticks, bool interleave)
    {
        IGrainTimer? timer = null;
        timer = this.RegisterGrainTimer(
            _ =>
            {
                journal.Add($"tick {Key} {++_ticks}");
                if (_ticks == ticks)
                {
                    timer!.Dispose();
                    journal.Add($"done {Key}");
                }

                return Task.CompletedTask;
            },
            new GrainTimerCreationOptions { DueTime = TimeSpan.FromMilliseconds(5), Period = TimeSpan.FromMilliseconds(5), Interleave = interleave });
        return Task.CompletedTask;
    }

    public async Task WriteAsync(string line)
    {
        state.State.Lines.Add(line);
        await state.WriteStateAsync();
    }

    public Task<Note> ReadAsync() => Task.FromResult(state.State);

    public Task<bool> ExistsAsync() => Task.FromResult(state.RecordExists);

    public Task ClearAsync() => state.ClearStateAsync();

    public Task KeepAsync(Note note)
    {
        _kept = note;
        return Task.CompletedTask;
    }

    public Task<Note> KeptAsync() => Task.FromResult(_kept);

    public ValueTask<bool> IsSameAsync(byte[] marked, Immutable<byte[]> wrapped, Chunk chunk)
        => new(ReferenceEquals(marked, Shared) && ReferenceEquals(wrapped.Value, Shared) && ReferenceEquals(chunk.Bytes, Shared));

    public ValueTask KeepBytesAsync(byte[] bytes)
    {
        _bytes.Add(bytes);
        return default;
    }

    public ValueTask<byte[]> KeptBytesAsync() => new(_bytes[^1]);

    public Task UnmarkedAsync(object plain) => Task.CompletedTask;
}

internal sealed class FailingGrain(Journal journal) : Grain, IFailingGrain
{
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        var attempt = journal.Count("attempt") + 1;
        journal.Add("attempt");
        return attempt == 1 ? throw new InvalidOperationException("not yet") : Task.CompletedTask;
    }

    public Task NothingAsync() => Task.CompletedTask;
}

[KeepAlive]
internal sealed class KeptGrain(Journal journal) : Grain, IKeptGrain
{
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        journal.Add("activate kept");
        return Task.CompletedTask;
    }

    public Task<int> ActivationAsync() => Task.FromResult(journal.Count("activate kept"));
}

[Reentrant]
internal sealed class LeavingGrain : Grain, ILeavingGrain
{
    private bool _isLeft;

    public Task<bool> IsLeftAsync(bool leave)
    {
        var answer = _isLeft;
        if (leave)
        {
            _isLeft = true;
            DeactivateOnIdle();
        }

        return Task.FromResult(answer);
    }
}
