using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text.Json;
using Granary.Core.Certificates;
using Granary.Core.Policies;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Policies;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Management.Definitions;

/// <summary>
/// Imports definitions before clients are served. It waits for a cluster whose silos are not there yet; what a file has wrong ends the start, as with RabbitMQ: clients
/// would find less than they need.
/// </summary>
internal sealed partial class BootImport(BootDefinitions definitions, DefinitionsImport import, PolicyCalls policies, TimeProvider clock, ILogger<BootImport> log) : IHostedService
{
    /// <summary>The global parameter that has what was imported last; RabbitMQ's name for it.</summary>
    private const string HashName = "imported_definition_hash_value";

    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(1);
    private static readonly ApiUser Importer = new("granary", ["administrator"], IsLocal: true);

    /// <exception cref="DefinitionsRefusedException">A file cannot be read, or has what cannot be made.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var files = await ReadAsync(cancellationToken).ConfigureAwait(false);
        while (!await TryImportAsync(files, cancellationToken).ConfigureAwait(false))
        {
            await Task.Delay(TryAgainAfter, clock, cancellationToken).ConfigureAwait(false);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task<List<(string Path, byte[] Text, DefinitionsFile File)>> ReadAsync(CancellationToken cancellation)
    {
        var path = definitions.Path;
        try
        {
            List<(string Path, byte[] Text, DefinitionsFile File)> files = [];
            foreach (var found in definitions.Find())
            {
                path = found;
                var text = await (DefinitionsServer.IsAddress(path) ? definitions.Server.FetchAsync(path, cancellation) : File.ReadAllBytesAsync(path, cancellation)).ConfigureAwait(false);
                JsonBody.Check(text);
                files.Add((path, text, JsonSerializer.Deserialize(text, ApiJson.Default.DefinitionsFile) ?? throw new JsonException("it says null")));
            }

            return files;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException or HttpRequestException or TimeoutException or CertificateException)
        {
            // What is wrong with a server's certificate is told by the inner one alone.
            var reason = exception is HttpRequestException { InnerException: AuthenticationException of } ? of.Message : exception.Message;
            throw new DefinitionsRefusedException($"--load-definitions: '{path}' cannot be imported: {reason}", exception);
        }
    }

    /// <returns>False: no silo has answered.</returns>
    private async Task<bool> TryImportAsync(List<(string Path, byte[] Text, DefinitionsFile File)> files, CancellationToken cancellation)
    {
        var path = files[0].Path;
        try
        {
            var hash = JsonSerializer.Serialize(HashOf(files), ApiJson.Default.String);
            if (definitions.SkipIfUnchanged && await IsKnownAsync(hash).ConfigureAwait(false))
            {
                LogUnchanged(definitions.Path);
                return true;
            }

            foreach (var (name, _, file) in files)
            {
                path = name;
                await import.RunAsync(file, null, Importer, cancellation).ConfigureAwait(false);
                LogImported(path);
            }

            if (definitions.SkipIfUnchanged)
            {
                await policies.PutAsync([], [Parameter.Global(HashName, hash)]).ConfigureAwait(false);
            }

            return true;
        }
        catch (Exception exception) when (exception is TimeoutException or ApiException { Status: StatusCodes.Status503ServiceUnavailable })
        {
            LogAgain(path, exception.Message);
            return false;
        }
        catch (ApiException exception)
        {
            throw new DefinitionsRefusedException($"--load-definitions: '{path}' cannot be imported: {exception.Message}", exception);
        }
    }

    private async Task<bool> IsKnownAsync(string hash) =>
        (await policies.ListParametersAsync().ConfigureAwait(false)).Any(parameter => parameter is { Vhost: null, Name: HashName } && parameter.Value == hash);

    private static string HashOf(List<(string Path, byte[] Text, DefinitionsFile File)> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        files.ForEach(file => hash.AppendData(file.Text));
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    [LoggerMessage(1732, LogLevel.Information, "Definitions of '{Path}' were imported")]
    private partial void LogImported(string path);

    [LoggerMessage(1733, LogLevel.Information, "Definitions of '{Path}' are the same as at the last import: they are not imported again")]
    private partial void LogUnchanged(string path);

    [LoggerMessage(1734, LogLevel.Information, "Definitions of '{Path}' cannot be imported yet, and clients are not served before: {Reason}")]
    private partial void LogAgain(string path, string reason);
}
