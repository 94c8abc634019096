namespace Granary.Crash.Load;

/// <summary>The clients of one run of the broker, and how they are told to stop.</summary>
internal sealed class ClientRun : IDisposable
{
    private readonly CancellationTokenSource _publishing = new();
    private readonly CancellationTokenSource _consuming = new();
    private readonly CancellationTokenSource _draining = new();

    public Task Publishing { get; set; } = Task.CompletedTask;

    public Task Consuming { get; set; } = Task.CompletedTask;

    public CancellationToken StopPublishing => _publishing.Token;

    public CancellationToken StopConsuming => _consuming.Token;

    public CancellationToken Draining => _draining.Token;

    /// <summary>Publishers wait for what is not confirmed, and go.</summary>
    public async Task EndPublishingAsync()
    {
        await _publishing.CancelAsync();
        await Publishing;
    }

    /// <summary>Consumers hold nothing up any more.</summary>
    public Task DrainAsync() => _draining.CancelAsync();

    public async Task EndConsumingAsync()
    {
        await _consuming.CancelAsync();
        await Consuming;
    }

    /// <summary>The broker is gone.</summary>
    public async Task EndAsync(TimeSpan limit)
    {
        await _publishing.CancelAsync();
        await _consuming.CancelAsync();
        await Task.WhenAll(Publishing, Consuming).WaitAsync(limit);
    }

    public void Dispose()
    {
        _publishing.Dispose();
        _consuming.Dispose();
        _draining.Dispose();
    }
}
