import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.parser.LenientErrorHandler;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.BufferedInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.MetadataResource;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;

/**
 * Holds FHIR R4 resources against published profiles, offline: POST a resource (JSON or XML) to /validate?set=NAME on loopback.
 *
 * <p>{@code java -cp classes:jars/* Validate NAME=package.tgz,package.tgz …} prints "listening PORT". Each set has its own
 * packages, so several versions of one package live side by side.
 */
public class Validate {
  private static final FhirContext FHIR = FhirContext.forR4Cached();
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Pattern DEFINITION = Pattern.compile("package/(StructureDefinition|ValueSet|CodeSystem)-[^/]+\\.json");
  private static final Map<String, FhirValidator> SETS = new LinkedHashMap<>();

  public static void main(String[] arguments) throws IOException {
    for (String argument : arguments) {
      String[] set = argument.split("=", 2);
      SETS.put(set[0], validator(definitions(set[1].split(","))));
    }
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/validate", Validate::answer);
    server.start();
    System.out.println("listening " + server.getAddress().getPort());
  }

  /** Profiles built since 2024 pin the base definitions ("…|4.0.1"), which the library knows by their bare URL only. */
  private static class BaseDefinitions extends DefaultProfileValidationSupport {
    BaseDefinitions() {
      super(FHIR);
    }

    private static String bare(String url) {
      return url.endsWith("|4.0.1") ? url.substring(0, url.length() - "|4.0.1".length()) : url;
    }

    @Override
    public IBaseResource fetchStructureDefinition(String url) {
      return super.fetchStructureDefinition(bare(url));
    }

    @Override
    public IBaseResource fetchValueSet(String url) {
      return super.fetchValueSet(bare(url));
    }

    @Override
    public IBaseResource fetchCodeSystem(String url) {
      return super.fetchCodeSystem(bare(url));
    }
  }

  private static final IValidationSupport BASE = new BaseDefinitions();

  /** The profiles, value sets and code systems of the packages; their examples and everything else are left out. */
  private static IValidationSupport definitions(String[] packages) throws IOException {
    PrePopulatedValidationSupport found = new PrePopulatedValidationSupport(FHIR);
    var parser = FHIR.newJsonParser().setParserErrorHandler(new LenientErrorHandler(false));
    for (String file : packages) {
      try (var archive =
          new TarArchiveInputStream(new GZIPInputStream(new BufferedInputStream(new FileInputStream(file))))) {
        for (TarArchiveEntry entry = archive.getNextEntry(); entry != null; entry = archive.getNextEntry()) {
          if (!DEFINITION.matcher(entry.getName()).matches()) continue;
          IBaseResource read = parser.parseResource(new String(archive.readAllBytes(), StandardCharsets.UTF_8));
          if (read instanceof MetadataResource definition && definition.getUrl() != null) found.addResource(definition);
        }
      }
    }
    return found;
  }

  private static FhirValidator validator(IValidationSupport own) {
    // A code system that no package carries (SNOMED CT) is a warning, so that every error is a real one.
    var unknownSystems = new UnknownCodeSystemWarningValidationSupport(FHIR);
    unknownSystems.setNonExistentCodeSystemSeverity(IValidationSupport.IssueSeverity.WARNING);
    var module =
        new FhirInstanceValidator(
            new ValidationSupportChain(
                own,
                BASE,
                new CommonCodeSystemsTerminologyService(FHIR),
                new InMemoryTerminologyServerValidationSupport(FHIR),
                new SnapshotGeneratingValidationSupport(FHIR),
                unknownSystems));
    module.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
    module.setErrorForUnknownProfiles(true);
    module.setAnyExtensionsAllowed(true);
    return FHIR.newValidator().registerValidatorModule(module);
  }

  private static List<Map<String, Object>> issues(String set, String resource) {
    List<SingleValidationMessage> messages;
    try {
      messages = SETS.get(set).validateWithResult(resource).getMessages();
    } catch (RuntimeException unparsable) {
      var message = new SingleValidationMessage();
      message.setSeverity(ResultSeverityEnum.FATAL);
      message.setMessageId("NOT_PARSED");
      message.setMessage(unparsable.getMessage());
      messages = List.of(message);
    }
    var found = new ArrayList<Map<String, Object>>();
    for (SingleValidationMessage message : messages) {
      var issue = new LinkedHashMap<String, Object>();
      issue.put("severity", message.getSeverity().getCode());
      issue.put("location", message.getLocationString());
      issue.put("id", message.getMessageId());
      issue.put("message", message.getMessage());
      found.add(issue);
    }
    return found;
  }

  private static void answer(HttpExchange exchange) throws IOException {
    String query = exchange.getRequestURI().getQuery();
    String resource = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    byte[] answer = JSON.writeValueAsBytes(issues(query.substring("set=".length()), resource));
    exchange.getResponseHeaders().add("Content-Type", "application/json");
    exchange.sendResponseHeaders(200, answer.length);
    try (var body = exchange.getResponseBody()) {
      body.write(answer);
    }
  }
}
