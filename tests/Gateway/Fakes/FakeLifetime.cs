using Microsoft.Extensions.Hosting;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>A process that never stops.</summary>
internal sealed class FakeLifetime : IHostApplicationLifetime
{
    public CancellationToken ApplicationStarted => CancellationToken.None;

    public CancellationToken ApplicationStopping => CancellationToken.None;

    public CancellationToken ApplicationStopped => CancellationToken.None;

    public void StopApplication() => throw new NotSupportedException();
}
