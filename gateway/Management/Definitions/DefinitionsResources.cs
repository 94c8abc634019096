using System.Text.Json;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Definitions;

/// <summary><c>/api/definitions</c>.</summary>
internal sealed class DefinitionsResources(DefinitionsExport export, DefinitionsImport import) : IResource
{
    public void Map(ApiRoutes routes)
    {
        foreach (var path in (string[])["/definitions", "/all-configuration"])
        {
            routes.Get(path, Need.Administrator, ExportAsync);
            routes.Post(path, Need.Administrator, call => ImportAsync(call, null));
        }

        routes.Get("/definitions/{vhost}", Need.Policymaker, ExportVhostAsync);
        routes.Post("/definitions/{vhost}", Need.Policymaker, call => ImportAsync(call, call.Vhosts.Require(call.Segments[1])));
    }

    private async Task ExportAsync(ApiCall call)
    {
        Name(call);
        await call.ReplyAsync(await export.OfClusterAsync(call.Aborted).ConfigureAwait(false), ApiJson.Default.DefinitionsFile).ConfigureAwait(false);
    }

    private async Task ExportVhostAsync(ApiCall call)
    {
        Name(call);
        var vhost = call.Vhosts.Require(call.Segments[1]);
        await call.ReplyAsync(await export.OfVhostAsync(vhost, call.Aborted).ConfigureAwait(false), ApiJson.Default.DefinitionsFile).ConfigureAwait(false);
    }

    private async Task ImportAsync(ApiCall call, string? vhost)
    {
        if (call.Flag("dry_run"))
        {
            var file = await ReadAsync(call).ConfigureAwait(false);
            var now = vhost is null ? await export.OfClusterAsync(call.Aborted).ConfigureAwait(false) : await export.OfVhostAsync(vhost, call.Aborted).ConfigureAwait(false);
            await call.ReplyAsync(DefinitionsDiff.Of(now, file, vhost), ApiJson.Default.JsonObject).ConfigureAwait(false);
            return;
        }

        await import.RunAsync(await ReadAsync(call).ConfigureAwait(false), vhost, call.User, call.Aborted).ConfigureAwait(false);
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    // A browser's form sends the file as a part.
    private static async Task<DefinitionsFile> ReadAsync(ApiCall call)
    {
        if (!call.Http.Request.HasFormContentType)
        {
            return await call.ReadAsync(ApiJson.Default.DefinitionsFile).ConfigureAwait(false);
        }

        var form = await call.Http.Request.ReadFormAsync(call.Aborted).ConfigureAwait(false);
        if (form.Files.GetFile("file") is not { } file)
        {
            throw ApiException.BadRequest("no_file");
        }

        try
        {
            var content = file.OpenReadStream();
            await using (content.ConfigureAwait(false))
            {
                return await JsonBody.ReadAsync(content, ApiJson.Default.DefinitionsFile, call.Aborted).ConfigureAwait(false) ?? throw ApiException.BadRequest("not_json");
            }
        }
        catch (JsonException exception)
        {
            throw ApiException.NotJson(exception);
        }
    }

    private static void Name(ApiCall call)
    {
        if (call.Query["download"].ToString() is { Length: > 0 } name)
        {
            call.Http.Response.Headers.ContentDisposition = new System.Net.Mime.ContentDisposition { FileName = name.Replace("\"", "", StringComparison.Ordinal) }.ToString();
        }
    }
}
