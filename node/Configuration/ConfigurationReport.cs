using Granary.Core.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Node.Configuration;

/// <summary>Tells an operator at the start which configuration file was read, and what of it has no effect.</summary>
internal sealed partial class ConfigurationReport(EffectiveSettings settings, IReadOnlyList<ConfigurationLine> withoutEffect, ILogger<ConfigurationReport> log) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (settings.File is { } file)
        {
            LogRead(file);
        }

        foreach (var line in withoutEffect)
        {
            LogWithoutEffect(line.Place, line.Key);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(9301, LogLevel.Information, "Settings are read from {File}")]
    private partial void LogRead(string file);

    [LoggerMessage(9302, LogLevel.Warning, "{Place}: {Key} has no effect here")]
    private partial void LogWithoutEffect(string place, string key);
}
